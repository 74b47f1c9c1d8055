/* The text of a setting into what it means. Pure functions, for config.c alone. */
#ifndef LBDNS_BASE_SETTING_H
#define LBDNS_BASE_SETTING_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `500ms`, `5s`, `1m`, `1h` or plain seconds. NULL, or what is wrong, and then *ms is untouched. */
const char *setting_time(const char *text, uint32_t least_ms, uint32_t most_ms, uint32_t *ms);

/* In either case; word is lower case. */
bool setting_is_word(const char *text, const char *word);

/* The next entry of a list, between commas or white space, and moves *list behind it; NULL at the
 * end. */
const char *setting_list_next(const char **list, size_t *length);

/* Can this be a name, or with `*` a pattern of names? Without a trailing dot. */
bool setting_is_name(const char *text, size_t length);

/* `10.96.0.10`, `127.0.0.1:5353`, `fd00::10`, `[fd00::10]` or `[fd00::10]:53`. */
bool setting_nameserver(const char *text, size_t length, struct address *address, unsigned *port);

char setting_lower_case(char letter);

#endif

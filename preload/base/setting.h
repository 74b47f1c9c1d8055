/* Settings: a text, and what it means. Pure functions, for config.c alone. */
#ifndef LBDNS_BASE_SETTING_H
#define LBDNS_BASE_SETTING_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a time: `500ms`, `5s`, `1m`, `1h` or plain seconds. Returns NULL; or what is wrong with it,
 * and then *ms is untouched. */
const char *setting_time(const char *text, uint32_t least_ms, uint32_t most_ms, uint32_t *ms);

/* Returns true if the text is the word, in upper or lower case; word is lower case. */
bool setting_is_word(const char *text, const char *word);

/* Returns the next entry of a list, between commas or white space, and moves *list behind it; NULL
 * at the end. */
const char *setting_list_next(const char **list, size_t *length);

/* Reads a name, or with `*` a pattern of names: `rng`, or `rng:8081` with a port. Returns NULL, and
 * then *length becomes that of the name without a trailing dot, and *port the port in host order, 0
 * if there is none; or what is wrong with it. */
const char *setting_name(const char *text, size_t *length, unsigned *port);

/* Reads a name server: `10.96.0.10`, `127.0.0.1:5353`, `fd00::10`, `[fd00::10]` or `[fd00::10]:53`.
 * Returns false if it is none. port is in host order, 53 if none is given. */
bool setting_nameserver(const char *text, size_t length, struct address *address, unsigned *port);

char setting_lower_case(char letter);

#endif

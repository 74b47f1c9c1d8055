/* A DNS name as text. Any thread, any signal handler. */
#ifndef LBDNS_BASE_NAME_H
#define LBDNS_BASE_NAME_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

/* A name in lower case, padded with NULs so that whole words can be compared. A trailing dot is
 * kept, because "rng." and "rng" are different questions. */
struct name_text {
	char text[CONFIG_NAME_SIZE];
};

/* Writes a client's spelling of a name into *name. Returns false for what is no DNS name that we
 * would manage: an empty text, one longer than 253 characters, or one with characters other than
 * letters, digits, '-', '_' and '.'; libc still looks up such a name. */
bool name_normalize(const char *from, struct name_text *name);

/* Writes from without its trailing dot into *to. */
void name_without_dot(const struct name_text *from, struct name_text *to);

/* Returns true if libc would take the name for an IPv4 address (inet_aton(3)); no top-level domain
 * is a number. */
bool name_is_numeric(const struct name_text *name);

/* Returns a hash of the text, equal in all processes. */
uint64_t name_hash(const struct name_text *name);

#endif

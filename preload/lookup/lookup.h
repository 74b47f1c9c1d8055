/* What the hooks for getaddrinfo and gethostbyname have in common. Not in a signal handler. */
#ifndef LBDNS_LOOKUP_LOOKUP_H
#define LBDNS_LOOKUP_LOOKUP_H

#include "base/address.h"
#include "base/name.h"
#include "directory/listing.h"
#include "lookup/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Was DNS or libc asked lately enough to answer without asking again? */
bool lookup_is_fresh(const struct listing *listing);

/* Takes in what libc answered, and starts the refresh thread if there is something to refresh.
 * Returns the families whose addresses are to be rotated, as FAMILY_BITs. With in_handler no thread
 * is started if any signal is blocked. */
unsigned lookup_learn(const struct name_text *name, const struct answer *answer, unsigned families,
                      const char *canonical, bool in_handler);

/* Which of the addresses of a family comes first. */
size_t lookup_first(const struct answer *answer, enum family family, uint16_t port);

/* What stands in the claims for a node that is no name of DNS. */
uint64_t lookup_key(const char *node);

/* Claims what libc gave for something that is no name of DNS. */
void lookup_claim(const char *node, const struct addrinfo *list);

#endif

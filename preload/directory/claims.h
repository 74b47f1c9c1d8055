/* Claims: addresses that a name without a pool stands for. A connection to a claimed address is
 *never rewritten.
 *
 * LAYOUT
 *	A table of buckets, found by the address's hash. A bucket has places for a few claims, each
 *one 64-bit word. A claim that finds its bucket full replaces the oldest one there. Two addresses
 *of the same hash look the same: so there may be a claim too many, and never one too few.
 *
 * NUMBERS
 *	An address that was looked up as a number is claimed too. But while no managed name was
 *	looked up through libc, the client has a resolver of its own, which may pass each address
 *	that it found through getaddrinfo(3), and all pools are of names that LBDNS_NAMES lists
 *	exactly. Until then the claims of numbers do not count.
 *
 * WRITER, READER
 *	Any thread, any signal handler; no lock. A claim is made and released by one exchange of its
 *	word, so there is nothing to be torn. */
#ifndef LBDNS_DIRECTORY_CLAIMS_H
#define LBDNS_DIRECTORY_CLAIMS_H

#include "base/attributes.h"
#include "base/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Claims an address for a name (its name_hash). */
void claims_add(struct address address, uint64_t name);

/* Claims an address because it was looked up as a number. */
void claims_add_number(struct address address);

/* Has the claims of numbers count from now on: a managed name was looked up through libc. */
void claims_count_numbers(void);

/* Raised after every claim that is made; 0: there never was one. claims.c alone writes it. */
extern HIDDEN _Atomic uint64_t claims_made;

/* Returns true if the address with this hash (address_hash) is claimed. */
bool claims_hold(uint64_t hash);

/* Returns true if that address was claimed after `made` was read (acquire) from claims_made: for
 * addresses that were not claimed before. */
static inline bool claims_hold_since(uint64_t made, uint64_t hash)
{
	/* Pairs with the release in claims_add. */
	return atomic_load_explicit(&claims_made, memory_order_acquire) != made &&
	       claims_hold(hash);
}

/* Releases the claims of a name to these addresses, because they are endpoints of its pool now.
 * What else the name once stood for stays claimed, because the client may still ask for it. */
void claims_release(uint64_t name, const struct address *endpoints, size_t count);

#endif

/* Claims: addresses that a name without a pool stands for. A connection to one is never rewritten.
 *
 * State: a fixed table of 64-bit words, each one claim, changed by single atomic operations. When a
 * place in it is full the oldest claim there goes. Two different addresses may look the same: that
 * one is claimed too many, never one too few. Any thread, any signal handler; no lock. */
#ifndef LBDNS_DIRECTORY_CLAIMS_H
#define LBDNS_DIRECTORY_CLAIMS_H

#include "base/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name (its name_hash) stands for address. */
void claims_add(struct address address, uint64_t name);

/* Raised by every claim, after it is made; 0: there never was one. */
extern _Atomic uint64_t claims_made; /* claims.c alone writes it */

/* Is the address of this hash (address_hash) claimed? */
bool claims_hold(uint64_t hash);

/* The same, for one that was not when `made` was read (acquire) from claims_made. */
static inline bool claims_hold_since(uint64_t made, uint64_t hash)
{
	/* Pairs with claims_add. */
	return atomic_load_explicit(&claims_made, memory_order_acquire) != made &&
	       claims_hold(hash);
}

/* These are endpoints of the name now: its claims to them go. What else it once stood for stays
 * claimed, as the client may still ask for it. */
void claims_release(uint64_t name, const struct address *endpoints, size_t count);

#endif

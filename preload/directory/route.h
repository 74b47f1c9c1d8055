/* Routes: what is known of an address that a client wants to connect to. Any thread, any signal
 * handler. */
#ifndef LBDNS_DIRECTORY_ROUTE_H
#define LBDNS_DIRECTORY_ROUTE_H

#include "base/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A bit for each hash of an address that was ever in a snapshot; the writer sets them before it
 * publishes, and nobody clears them. */
enum { ROUTE_SIEVE_BITS = 16 };
extern _Atomic uint64_t route_sieve[1 << (ROUTE_SIEVE_BITS - 6)];

static inline uint32_t route_sieve_bit(struct address address)
{
	return (uint32_t)(((address.low ^ address.high) * HASH_GOLDEN) >> (64 - ROUTE_SIEVE_BITS));
}

/* False if route_find would be, for most addresses: connect's first question. */
static inline bool route_may_exist(struct address address)
{
	uint32_t bit = route_sieve_bit(address);

	return atomic_load_explicit(&route_sieve[bit / 64], memory_order_relaxed) >> (bit % 64) & 1;
}

/* What is known of the address a client wants. */
struct route {
	uint64_t sequence;
	struct address asked;
	uint64_t hash; /* address_hash of it */
	int64_t endpoint;
};

/* False if we have nothing to do with this address. */
bool route_find(struct address asked, struct route *route);

/* A service whose pool the address is in, or was. */
bool route_service(const struct route *route, uint32_t *service);

#endif

/* Routes: an address that a client wants to connect to, and where it is in the snapshot. Any
 * thread, any signal handler. */
#ifndef LBDNS_DIRECTORY_ROUTE_H
#define LBDNS_DIRECTORY_ROUTE_H

#include "base/attributes.h"
#include "base/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A set of hashes with false positives: a bit for each hash (route_sieve_bit) of an address that
 * was ever in a snapshot. The writer sets bits before it publishes, and nobody clears them. */
enum { ROUTE_SIEVE_BITS = 16 };
extern HIDDEN _Atomic uint64_t route_sieve[1 << (ROUTE_SIEVE_BITS - 6)];

/* Returns which bit of route_sieve an address has. */
static inline uint32_t route_sieve_bit(struct address address)
{
	return (uint32_t)(((address.low ^ address.high) * HASH_GOLDEN) >> (64 - ROUTE_SIEVE_BITS));
}

/* Returns false for most addresses for which route_find would; true for all others. connect asks
 * this first. */
static inline bool route_may_exist(struct address address)
{
	uint32_t bit = route_sieve_bit(address);

	return atomic_load_explicit(&route_sieve[bit / 64], memory_order_relaxed) >> (bit % 64) & 1;
}

struct route {
	uint64_t sequence;    /* of the snapshot that the address was found in */
	struct address asked; /* that the client wants */
	uint64_t hash;        /* address_hash of `asked` */
	int64_t endpoint;     /* its index in that snapshot */
};

/* Finds an address in the published snapshot. Returns false if it is no endpoint of a managed name
 * and has not departed from one: then lbdns has nothing to do with it. */
bool route_find(struct address asked, struct route *route);

/* Finds the first service in whose pool the address is. Returns false if it is in none now, or the
 * snapshot has changed since route_find. */
bool route_service(const struct route *route, uint32_t *service);

/* Finds the first service in whose pool the address is, and the key (address_set_key) of the
 * endpoints within which connections to it are sent. Returns false as route_service does. */
bool route_pool(const struct route *route, uint32_t *service, uint64_t *key);

/* Finds another endpoint within which connections to the address are sent: the turn-th after it.
 * Returns false as route_service does, or if there are not so many. */
bool route_other(const struct route *route, uint32_t turn, struct address *other);

#endif

/* The way of almost all connections: to an address of one pool, fresh and of nobody else's, of
 * which nothing is passed over, that is due for nothing, and on as LBDNS_MODE says. Whatever is not
 * so is route_find's and pick_endpoint's.
 *
 * Part of the directory, and inlined where connect is: calls, and what goes through memory between
 * them, cost half of it. Any thread, any signal handler; nothing is held. */
#ifndef LBDNS_BALANCE_PICK_FAST_H
#define LBDNS_BALANCE_PICK_FAST_H

#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/address.h"
#include "base/clock.h"
#include "directory/claims.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pick_fast {
	const struct snapshot *snapshot;
	uint64_t sequence, now_ms;
	struct pool_record pool;
};

/* Is it such an address? Takes nothing, writes nothing. */
static inline __attribute__((always_inline)) bool pick_fast(struct address asked,
                                                            struct pick_fast *usual)
{
	uint64_t now_ms = clock_ms(); /* a call: before anything is in registers */
	uint64_t hash = address_hash(asked), slot;
	/* First: a pool's address is claimed before the pool goes. */
	uint64_t made = atomic_load_explicit(&claims_made, memory_order_acquire);
	const struct snapshot *snapshot = snapshot_read(&usual->sequence);
	int64_t endpoint = snapshot ? snapshot_probe(snapshot, asked, hash, &slot) : -1;
	uint64_t pools;
	struct endpoint_info info;
	uint32_t pool;

	if (endpoint < 0 || __builtin_expect(made && claims_hold(hash), 0))
		return false;
	words_load(&info, &snapshot->infos[endpoint], sizeof(info));
	words_load(&pools, &snapshot->pool_count, sizeof(pools));
	pool = info.membership - MEMBERSHIP_FIRST_POOL;
	if (pool >= pools)
		return false;
	snapshot_pool(snapshot, pool, &usual->pool);
	usual->snapshot = snapshot;
	usual->now_ms = now_ms;
	/* Whatever was claimed since may be this address. */
	return usual->pool.count &&
	       atomic_load_explicit(&claims_made, memory_order_acquire) == made &&
	       service_is_fast(usual->pool.service, usual->pool.family, now_ms) &&
	       !skips_any(now_ms) && !load_relaxed(&shared()->mode); /* as in mode_for */
}

/* For counters.h. */
static inline uint64_t pick_fast_name(const struct pick_fast *usual)
{
	return load_relaxed(&service_state[usual->pool.service].name);
}

/* Takes the turn. False if all this has changed meanwhile. port is a stream socket's. */
static inline __attribute__((always_inline)) bool
pick_fast_take(const struct pick_fast *usual, uint16_t port, struct address *target)
{
	const struct pool_record *pool = &usual->pool;

	/* Before: the turn would be lost. */
	if (atomic_load_explicit(&snapshot_state.sequence, memory_order_relaxed) != usual->sequence)
		return false;
	*target = snapshot_endpoint(usual->snapshot, pool,
	                            rotation_pick(pool->key, port, pool->count, usual->now_ms));
	rotation_note_port(pool->key, port);
	return snapshot_valid(usual->sequence);
}

#endif

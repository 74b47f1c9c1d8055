/* Fast path of a pick, inlined where connect is, because calls, and what goes through memory
 * between them, cost half of it. It handles a connection only if all of this holds, and says so
 * otherwise (then the caller uses route_find and pick_endpoint):
 *
 * - the address asked for is an endpoint of exactly one pool;
 * - no other name has claimed it;
 * - connections to the port rotate (LBDNS_NAMES, LBDNS_EXCLUDE);
 * - the pool is fresh, its use is noted, and no refresh of it is overdue (service_is_fast);
 * - nothing speaks against any endpoint;
 * - LBDNS_MODE is on, and `lbdns mode` has ordered nothing.
 *
 * Any thread, any signal handler; nothing is held. */
#ifndef LBDNS_BALANCE_PICK_FAST_H
#define LBDNS_BALANCE_PICK_FAST_H

#include "balance/pick.h"
#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/attributes.h"
#include "base/atomic.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/peer.h"
#include "base/ports.h"
#include "directory/claims.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The pool of an address, as the fast path reads it. */
struct route_fast {
	const struct snapshot *in;
	uint64_t sequence, now_ms;
	struct pool_record pool;
};

/* Returns the index of the pool of a membership with MEMBERSHIP_SOME_PORTS; a large number if there
 * is no such bit, or connections to the port do not rotate. Apart, so that route_fast has its
 * registers for names without ports. */
static APART uint32_t route_fast_at_port(const struct snapshot *in, uint32_t membership,
                                         uint32_t port)
{
	uint64_t ports;

	if (!(membership & MEMBERSHIP_SOME_PORTS))
		return NO_POOL;
	membership %= MEMBERSHIPS;
	words_load(&ports, &in->memberships[membership].ports, sizeof(ports));
	return ports & ports_of((uint16_t)port) ? membership - MEMBERSHIP_FIRST_POOL : NO_POOL;
}

/* Reads the pool of an address, for a connection to a port (struct peer); takes nothing and writes
 * nothing. Returns false if the fast path is not for it. */
FAST bool route_fast(struct address asked, uint32_t port, struct route_fast *route)
{
	uint64_t now_ms = clock_ms(); /* a call: before anything is in registers */
	uint64_t hash = address_hash(asked), slot;
	/* Before the snapshot is read, because a pool's address is claimed before the pool goes. */
	uint64_t made = atomic_load_explicit(&claims_made, memory_order_acquire);
	const struct snapshot *in = snapshot_read(&route->sequence);
	int64_t endpoint = in ? snapshot_probe(in, asked, hash, &slot) : -1;
	uint64_t pools;
	struct endpoint_info info;
	uint32_t index;

	if (endpoint < 0 || __builtin_expect(made && claims_hold(hash), 0))
		return false;
	words_load(&info, &in->infos[endpoint], sizeof(info));
	words_load(&pools, &in->pool_count, sizeof(pools));
	index = info.membership -
	        MEMBERSHIP_FIRST_POOL; /* wraps to a large number for MEMBERSHIP_TOO_MANY */
	if (__builtin_expect(index >= pools, 0)) {
		index = route_fast_at_port(in, info.membership, port);
		if (index >= pools)
			return false;
	}
	snapshot_pool(in, index, &route->pool);
	route->in = in;
	route->now_ms = now_ms;
	/* Whatever was claimed since may be this address. */
	return route->pool.count &&
	       atomic_load_explicit(&claims_made, memory_order_acquire) == made &&
	       service_is_fast(route->pool.service, route->pool.family, now_ms) &&
	       !skips_any(now_ms) && !load_relaxed(&shared()->mode); /* as in mode_for */
}

/* Takes the turn for a connection to a peer at that address. Returns false, and takes none, if all
 * this has changed meanwhile. Field by field, because a struct that is assigned whole is kept in
 * memory. */
FAST bool pick_fast(const struct route_fast *route, struct peer asked, struct pick *pick)
{
	const struct pool_record *pool = &route->pool;

	/* Before the turn is taken, which would be lost. */
	if (load_relaxed(&snapshot_state.sequence) != route->sequence)
		return false;
	pick->target.address = snapshot_endpoint(
		route->in, pool, rotation_pick(pool->key, asked.port, pool->count, route->now_ms));
	pick->target.port = asked.port;
	rotation_note_port(pool->key, asked.port);
	pick->kind = address_equal(pick->target.address, asked.address) ? PICK_ASKED : PICK_OTHER;
	pick->key = pool->key;
	pick->name = load_relaxed(&service_state[pool->service].name);
	pick->service = pool->service;
	pick->mode = MODE_ON;
	pick->why = LEAVE_BUSY;
	pick->has_others = pool->count > 1;
	pick->has_skips = false;
	pick->picked_ms = route->now_ms;
	return snapshot_valid(route->sequence);
}

#endif

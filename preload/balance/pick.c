#include "balance/pick.h"

#include "balance/continue.h"
#include "balance/ejection.h"
#include "balance/own.h"
#include "balance/policy.h"
#include "balance/rotation.h"
#include "balance/skips.h"
#include "balance/walk.h"
#include "base/attributes.h"
#include "base/address_set.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/ports.h"
#include "base/wakeup.h"
#include "directory/claims.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "shared/mode.h"

#include "base/poison.h"

enum { CONNECT_MS = 2 /* after a lookup a client has begun to connect, as a rule */ };

/* In the key of a pool: clients that only observe have cursors apart from those of clients that
 * act. */
static const uint64_t OBSERVERS = UINT64_C(0x6f62736572766572);

/* What one pick is decided by. */
struct decision {
	const struct snapshot *in;
	struct peer asked;
	const void *thread; /* that connects, as in walk.h; NULL: the connect is of no lookup */
	uint64_t now_ms;
	uint64_t observers;     /* in the keys of all pools: OBSERVERS, or 0 */
	uint64_t claims_seen;   /* claims_made, before the snapshot was read */
	bool claimed;           /* another name stands for the address asked for */
	uint64_t fast_until_ms; /* the least service_fast_until of the pool's equals */
	bool fresh;             /* no pool of the address is older than LBDNS_MAX_STALE */
	bool expired;           /* the address left its pool, and nobody asked for it for an hour */
};

/* ---- Whose turn it is in one pool */

static struct candidates candidates_of(const struct decision *by, const struct pool_record *pool)
{
	return (struct candidates){.endpoints = &by->in->addresses[pool->first],
	                           .count = pool->count,
	                           .port = by->asked.port,
	                           .key = pool->key,
	                           .now_ms = by->now_ms};
}

void pick_skips(const struct candidates *among, enum trial trial, struct skips *skips)
{
	struct peer peer;

	ejection_skips(among->endpoints, among->count, among->port, among->now_ms, trial, skips);
	own_skips(among->endpoints, among->count, among->port, among->now_ms, skips);
	if (skips->leased < 0)
		return;
	words_load(&peer.address, &among->endpoints[skips->leased], sizeof(peer.address));
	peer.port = among->port;
	if (!trial_request(peer))
		skips->probe = skips->leased;
}

/* The ticket of a TURN_TAKE by which no turn was taken: the connect tries an endpoint again. */
static const uint64_t NO_TURN = UINT64_MAX;

/* Returns who is next while there may be endpoints to pass over. Apart from next_of, whose callers
 * may be signal handlers that have little stack, because struct skips is large. */
static SELDOM uint32_t next_with_skips(const struct candidates *among, enum trial trial,
                                       enum turn turn, uint64_t *ticket)
{
	struct skips skips;

	pick_skips(among, trial, &skips);
	if (skips.probe >= 0 && turn == TURN_TAKE) {
		if (ticket)
			*ticket = NO_TURN;
		return (uint32_t)skips.probe;
	}
	return policy_next(among, &skips, turn, ticket);
}

static uint32_t next_of(const struct candidates *among, enum trial trial, enum turn turn,
                        uint64_t *ticket)
{
	static const struct skips none = {.probe = -1, .leased = -1};

	if (skips_any(among->now_ms))
		return next_with_skips(among, trial, turn, ticket);
	return policy_next(among, &none, turn, ticket);
}

/* Returns who is next for a connect while lookups are open: it may be a continuation, which takes
 * no turn, unless the connection has not taken its one yet. */
static APART uint32_t next_of_walk(const struct decision *by, const struct candidates *among,
                                   enum trial trial)
{
	int64_t asked = address_set_find(among->endpoints, among->count, by->asked.address);
	struct walk_ask ask = {.key = among->key,
	                       .now_ms = by->now_ms,
	                       .thread = (uintptr_t)by->thread,
	                       .count = among->count,
	                       .port = by->asked.port,
	                       .index = (uint32_t)asked};
	uint64_t ticket = 0;
	struct walk_step step;
	uint32_t index;

	if (asked < 0) /* it has departed */
		return next_of(among, trial, TURN_TAKE, NULL);
	walk_find(&ask, &step);
	if (!step.continues) {
		index = next_of(among, trial, TURN_TAKE, &ticket);
		step.owes = ticket == NO_TURN;
	} else {
		if (step.owes)
			index = next_of(among, TRIAL_NONE, TURN_TAKE, NULL);
		if (!step.owes || walk_has_tried(&step.walk, index))
			index = continue_next(among, &step);
		step.owes = false;
	}
	walk_note(&ask, &step, index);
	return index;
}

/* Takes the turn if the address asked for has it in this pool. */
static bool take_turn(const struct decision *by, const struct pool_record *pool)
{
	struct candidates among = candidates_of(by, pool);
	uint64_t ticket;
	uint32_t index = next_of(&among, TRIAL_NONE, TURN_PEEK, &ticket);

	return address_equal(snapshot_endpoint(by->in, pool, index), by->asked.address) &&
	       rotation_take(pool->key, by->asked.port, ticket);
}

uint32_t pick_show(const struct address *endpoints, uint32_t count, uint64_t key, uint32_t port)
{
	const struct candidates among = {.endpoints = endpoints,
	                                 .count = count,
	                                 .port = rotation_port(key, port),
	                                 .key = key,
	                                 .now_ms = clock_ms()};

	return next_of(&among, TRIAL_NONE, TURN_SHOW, NULL);
}

bool pick_shows(uint32_t service, uint64_t key, uint16_t port)
{
	uint64_t now_ms = clock_ms();

	service_note_lookup(service, port, now_ms);
	if (!config.eject_ms ||
	    rotation_port(key, load_relaxed(&service_state[service % SERVICES].port)))
		return true;
	if (service_may_be_lookups_only(service))
		wakeup_by(now_ms + CONNECT_MS); /* refresh/untold.h looks for the port */
	return !service_is_lookups_only(service, now_ms);
}

/* ---- Addresses of several pools, or of none */

/* Notes the use of all pools of the address, because one that is never used becomes idle, then
 * stale: of each pool and of its equals. */
static SELDOM void use_pools(struct decision *by, const struct membership *at)
{
	struct membership membership;

	words_load(&membership, at, sizeof(membership));
	for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
		uint32_t index = membership.pools[i];
		struct pool_record pool;

		snapshot_pool(by->in, index, &pool);
		do {
			uint64_t until_ms;

			service_note_use(pool.service, by->now_ms);
			service_note_connect(pool.service);
			until_ms = service_fast_until(pool.service, pool.family);
			if (until_ms < by->fast_until_ms)
				by->fast_until_ms = until_ms;
			by->fresh = by->fresh &&
			            service_is_fresh(pool.service, pool.family, by->now_ms);
		} while (snapshot_next_equal(by->in, &index, &pool));
	}
}

/* Returns true if some pool of the address had it next, and takes the turn there.
 *
 * Pass 1 considers only pools that a lookup has listed since their last connection: the client most
 * likely means that name. Pass 2 considers all. A claimed address gets pass 1 only, so that
 * connections to a pod by its own name do not advance its service's rotation. A pool of one
 * endpoint is skipped in pass 1, because that endpoint always has the turn and nobody loses it. */
static SELDOM bool take_any_turn(const struct decision *by, const struct membership *at)
{
	struct membership membership;

	words_load(&membership, at, sizeof(membership));
	for (int pass = 1; pass <= (by->claimed ? 1 : 2); pass++) {
		for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
			struct pool_record pool;

			if (!snapshot_pool_has(by->in, membership.pools[i], by->asked.port))
				continue;
			snapshot_pool(by->in, membership.pools[i], &pool);
			pool.key ^= by->observers;
			if (pass == 1 &&
			    (pool.count < 2 || !rotation_is_shown(pool.key, by->asked.port)))
				continue;
			if (pool.count && take_turn(by, &pool))
				return true;
		}
	}
	return false;
}

/* Returns the service of an address that left its pool: its name is in use though the pool may be
 * empty now. The address is sent on as long as it is asked for, and not any more after an hour
 * without, because it may be somebody else's then. */
static SELDOM uint16_t use_departed(struct decision *by, uint32_t place)
{
	_Atomic uint64_t *used_ms = &departed_used_ms[place % DEPARTED];
	struct departed record;

	words_load(&record, &by->in->departed[place % DEPARTED], sizeof(record));
	by->expired = clock_since(load_relaxed(used_ms), by->now_ms) > DEPARTED_KEPT_MS;
	if (!by->expired)
		store_relaxed(used_ms, by->now_ms);
	return record.service % SERVICES;
}

/* Reads the first pool of a membership without redirect_to, for what is counted and used; an empty
 * one if the address is in no pool. */
static SELDOM void pool_of_member(const struct snapshot *in, const struct membership *at,
                                  struct pool_record *pool)
{
	struct membership membership;

	words_load(&membership, at, sizeof(membership));
	*pool = (struct pool_record){.count = 0};
	if (membership.count)
		snapshot_pool(in, membership.pools[0], pool);
}

/* ---- The pick */

/* What is known of the address asked for. */
struct found {
	struct pool_record pool; /* to pick from, with redirect_to; else for what is counted */
	const struct membership *membership;
	struct membership_head head;
	uint64_t ports; /* at which connections to it rotate */
	bool fixed;     /* in more pools than are kept track of: never rewritten */
};

static void find_membership(struct decision *by, int64_t endpoint, struct found *found)
{
	struct endpoint_info info;

	words_load(&info, &by->in->infos[endpoint], sizeof(info));
	found->membership = &by->in->memberships[info.membership % MEMBERSHIPS];
	found->fixed = info.membership == MEMBERSHIP_TOO_MANY;
	words_load(&found->head, found->membership, sizeof(found->head));
	words_load(&found->ports, &found->membership->ports, sizeof(found->ports));
	if (found->head.redirect_to < POOL_RECORDS)
		snapshot_pool(by->in, found->head.redirect_to, &found->pool);
	else
		pool_of_member(by->in, found->membership, &found->pool);
	if (!found->head.count && !found->fixed)
		found->pool.service = use_departed(by, info.departed_place);
}

static enum leave_reason why_not(const struct decision *by, const struct found *found)
{
	if (by->claimed)
		return LEAVE_CLAIMED;
	if (!by->fresh)
		return LEAVE_STALE;
	return found->fixed || (!by->expired && found->head.count > 1) ? LEAVE_SEVERAL : LEAVE_GONE;
}

/* Picks in the pool that the address may be sent within. */
static void pick_within(const struct decision *by, const struct pool_record *pool, enum trial trial,
                        struct pick *pick)
{
	struct candidates among = candidates_of(by, pool);
	bool acts = pick->mode == MODE_ON, stream = !(by->asked.port & PEER_DATAGRAM);
	uint32_t index = acts && stream && by->thread && walk_any()
	                         ? next_of_walk(by, &among, trial)
	                         : next_of(&among, acts ? trial : TRIAL_NONE, TURN_TAKE, NULL);

	pick->target.address = snapshot_endpoint(by->in, pool, index);
	pick->kind = peer_equal(pick->target, by->asked) ? PICK_ASKED : PICK_OTHER;
	rotation_note_port(pool->key, by->asked.port & UINT16_MAX);
}

/* Makes the pick by a snapshot in which the address asked for is this endpoint. */
static void decide(struct decision *by, int64_t endpoint, enum trial trial, struct pick *pick)
{
	struct found found;
	struct pool_record *pool = &found.pool;
	bool has_pool, several;

	find_membership(by, endpoint, &found);
	/* The claims are looked at before the snapshot and after it, because a pool's address is
	 * claimed before the pool goes, and the claim of one that gets a pool is released after the
	 * pool is there. */
	by->claimed =
		by->claimed || claims_hold_since(by->claims_seen, address_hash(by->asked.address));
	pick->service = pool->service;
	if (found.head.count || !found.fixed)
		pick->name = service_name_hash(pool->service);
	service_note_use(pool->service, by->now_ms);
	service_note_connect(pool->service);
	pick->mode = mode_for(pick->name);
	pick->why = LEAVE_OFF;
	if (pick->mode != MODE_OFF)
		pick->why = ports_have(found.ports, by->asked.port) ? LEAVE_UNSURE : LEAVE_PORT;
	if (pick->why != LEAVE_UNSURE ||
	    load_relaxed(&service_state[pool->service % SERVICES].unsure))
		return;
	by->observers = pick->mode == MODE_OBSERVE ? OBSERVERS : 0;
	pool->key ^= by->observers;
	has_pool = found.head.redirect_to < POOL_RECORDS && pool->count;
	/* In one pool that nobody else claims the turn is the pool's own: pick_within takes it. */
	several = by->claimed || found.head.count > 1;
	if (several || pool->next_equal)
		use_pools(by, found.membership);
	if (several && by->fresh && take_any_turn(by, found.membership)) {
		pick->kind = PICK_ASKED;
		pick->has_others = !by->claimed && has_pool && pool->count > 1;
		pick->key = pool->key;
		return;
	}
	if (has_pool)
		by->fresh = by->fresh && service_is_fresh(pool->service, pool->family, by->now_ms);
	if (by->claimed || !by->fresh || by->expired || !has_pool) {
		pick->why = why_not(by, &found);
		return;
	}
	if (config.mode == MODE_ON && found.head.count == 1)
		service_note_fast(pool->service, pool->family, by->fast_until_ms);
	pick->has_others = pool->count > 1;
	pick->key = pool->key;
	pick_within(by, pool, trial, pick);
}

struct pick pick_endpoint(struct route *route, struct peer asked, enum trial trial)
{
	struct pick pick;

	pick_connect(route, asked, trial, NULL, &pick);
	return pick;
}

static void leave(struct pick *pick, struct peer asked)
{
	pick->kind = PICK_LEAVE;
	pick->why = LEAVE_BUSY;
	pick->target = asked;
}

void pick_connect(struct route *route, struct peer asked, enum trial trial, const void *thread,
                  struct pick *pick)
{
	for (int i = 0; i < READ_TRIES; i++) {
		struct decision by = {.asked = asked,
		                      .thread = thread,
		                      .now_ms = clock_ms(),
		                      .fast_until_ms = UINT64_MAX,
		                      .fresh = true};
		uint64_t sequence;

		by.claims_seen = atomic_load_explicit(&claims_made, memory_order_acquire);
		by.claimed = by.claims_seen && claims_hold(route->hash);
		by.in = snapshot_read(&sequence);
		leave(pick, asked);
		pick->key = 0;
		pick->name = 0;
		pick->service = SERVICES;
		pick->mode = config.mode;
		pick->has_others = false;
		pick->has_skips = true;
		pick->picked_ms = by.now_ms;
		if (sequence != route->sequence) {
			if (!route_find(asked.address, route))
				return;
			continue;
		}
		decide(&by, route->endpoint, trial, pick);
		if (snapshot_valid(sequence))
			return;
	}
	leave(pick, asked);
}

/* Where a connection goes. */
#include "balance/pick.h"

#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/address_set.h"
#include "base/reason.h"
#include "base/clock.h"
#include "directory/claims.h"
#include "directory/snapshot.h"
#include "shared/mode.h"

/* In the key of a set: who only observes has cursors apart from those of who acts. */
static const uint64_t OBSERVERS = UINT64_C(0x6f62736572766572);

/* Who is passed over: those that are ejected, for all processes, and those late, for this one. */
static void skips_find(const struct address *endpoints, uint32_t count, uint32_t port,
                       uint64_t now_ms, enum trial trial, struct skips *skips)
{
	struct address address;
	uint32_t at = 0, late_port;

	ejection_skips(endpoints, count, port, now_ms, trial, skips);
	while (late_next(&at, now_ms, &address, &late_port)) {
		int64_t index =
			late_port == port ? address_set_find(endpoints, count, address) : -1;

		if (index >= 0)
			skips_add(skips, count, (uint32_t)index);
	}
	if (skips->leased < 0)
		return;
	words_load(&address, &endpoints[skips->leased], sizeof(address));
	if (!trial_request(address, port))
		skips->probe = skips->leased;
}

/* The same as rotation_peek and rotation_pick, among the endpoints that are not passed over. Apart
 * from the usual way, which has none: signal handlers may have little stack. */
static __attribute__((noinline)) uint32_t peek_healthy(const struct snapshot *snapshot,
                                                       const struct pool_record *pool,
                                                       uint32_t port, uint64_t now_ms,
                                                       uint64_t *turn)
{
	struct skips skips;

	skips_find(&snapshot->addresses[pool->first], pool->count, port, now_ms, TRIAL_NONE,
	           &skips);
	return skips_map(&skips, rotation_peek(pool->key, port, pool->count - skips.count, turn));
}

static __attribute__((noinline)) uint32_t pick_healthy(const struct snapshot *snapshot,
                                                       const struct pool_record *pool,
                                                       uint32_t port, uint64_t now_ms,
                                                       enum trial trial)
{
	struct skips skips;

	skips_find(&snapshot->addresses[pool->first], pool->count, port, now_ms, trial, &skips);
	if (skips.probe >= 0)
		return (uint32_t)skips.probe;
	return skips_map(&skips, rotation_pick(pool->key, port, pool->count - skips.count, now_ms));
}

/* If the address asked for has the turn in this pool, takes it. */
static bool take_turn(const struct snapshot *snapshot, const struct pool_record *pool,
                      struct address asked, uint32_t port, uint64_t now_ms)
{
	uint64_t turn;
	uint32_t index = skips_any(now_ms) ? peek_healthy(snapshot, pool, port, now_ms, &turn)
	                                   : rotation_peek(pool->key, port, pool->count, &turn);

	return address_equal(snapshot_endpoint(snapshot, pool, index), asked) &&
	       rotation_take(pool->key, port, turn);
}

/* True if some pool of the address had it next; *fresh becomes false if any of the pools is stale.
 */
static __attribute__((noinline)) bool
take_any_turn(const struct snapshot *snapshot, const struct membership *at, struct address asked,
              bool claimed, uint64_t observers, uint32_t port, uint64_t now_ms, bool *fresh)
{
	struct membership membership;

	words_load(&membership, at, sizeof(membership));
	for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
		struct pool_record pool;

		snapshot_pool(snapshot, membership.pools[i], &pool);

		/* All of them: one that is never used becomes idle, then stale. */
		service_note_use(pool.service, now_ms);
		*fresh = *fresh && service_is_fresh(pool.service, pool.family, now_ms);
	}
	if (!*fresh)
		return false;
	/* First the pool that a lookup was of: another one's turn is another name's. The only pod
	 * of a pool always has the turn, and nobody loses it. A claimed address takes no turn but
	 * that: connections to a pod by its own name must not upset the rotation of its service. */
	for (int shown = 1; shown >= (claimed ? 1 : 0); shown--) {
		for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
			struct pool_record pool;

			snapshot_pool(snapshot, membership.pools[i], &pool);

			pool.key ^= observers;
			if (shown && (pool.count < 2 || !rotation_is_shown(pool.key, port)))
				continue;
			if (pool.count && take_turn(snapshot, &pool, asked, port, now_ms))
				return true;
		}
	}
	return false;
}

static void pick_within(const struct snapshot *snapshot, const struct pool_record *pool,
                        struct address asked, uint32_t port, uint64_t now_ms, enum trial trial,
                        struct pick *picked)
{
	uint32_t index = skips_any(now_ms) ? pick_healthy(snapshot, pool, port, now_ms, trial)
	                                   : rotation_pick(pool->key, port, pool->count, now_ms);

	picked->target = snapshot_endpoint(snapshot, pool, index);
	picked->what = address_equal(picked->target, asked) ? PICK_ASKED : PICK_OTHER;
	rotation_note_port(pool->key, port & UINT16_MAX);
}

uint32_t pick_show(const struct address *endpoints, uint32_t count, uint64_t key, uint32_t port)
{
	struct skips skips = {.count = 0};
	uint64_t now_ms = clock_ms();

	port = rotation_port(key, port);
	if (skips_any(now_ms))
		skips_find(endpoints, count, port, now_ms, TRIAL_NONE, &skips);
	return skips_map(&skips, rotation_show(key, port, count - skips.count));
}

/* An address that left its pool: its name is in use though the pool may be empty now. It is sent on
 * as long as it is asked for; not any more after an hour without, when the address may be somebody
 * else's. */
static __attribute__((noinline)) uint32_t
use_departed(const struct snapshot *snapshot, uint32_t place, uint64_t now_ms, bool *expired)
{
	_Atomic uint64_t *used_ms = &departed_used_ms[place % DEPARTED];
	struct departed record;

	words_load(&record, &snapshot->departed[place % DEPARTED], sizeof(record));
	*expired = clock_since(atomic_load_explicit(used_ms, memory_order_relaxed), now_ms) >
	           DEPARTED_KEPT_MS;
	if (!*expired)
		atomic_store_explicit(used_ms, now_ms, memory_order_relaxed);
	return record.service % SERVICES;
}

/* Of a membership without redirect_to the first pool, for what is counted and used; none if it has
 * no members. */
static __attribute__((noinline)) void pool_of_member(const struct snapshot *snapshot,
                                                     const struct membership *at,
                                                     struct pool_record *pool)
{
	struct membership membership;

	words_load(&membership, at, sizeof(membership));
	*pool = (struct pool_record){.count = 0};
	if (membership.count)
		snapshot_pool(snapshot, membership.pools[0], pool);
}

/* fixed: of an address in more pools than we keep track of. */
static enum leave_reason why_not(const struct membership_head *head, bool fixed, bool claimed,
                                 bool fresh, bool expired)
{
	if (claimed)
		return LEAVE_CLAIMED;
	if (!fresh)
		return LEAVE_STALE;
	return fixed || (!expired && head->count > 1) ? LEAVE_SEVERAL : LEAVE_GONE;
}

/* The pool to pick from; false if there is none, or the pick is made. claimed: as the claims were
 * before the snapshot was read, when so many (made) had been made. */
static inline bool find_pool(const struct snapshot *snapshot, const struct route *route,
                             bool claimed, uint64_t made, uint32_t port, struct pick *picked,
                             struct pool_record *pool)
{
	uint64_t now_ms = picked->now_ms, observers = 0;
	bool fresh = true, expired = false;
	const struct membership *membership;
	struct service_state *of;
	struct membership_head head;
	struct endpoint_info info;

	words_load(&info, &snapshot->infos[route->endpoint], sizeof(info));
	membership = &snapshot->memberships[info.membership % MEMBERSHIPS];
	words_load(&head, membership, sizeof(head));
	if (head.redirect_to < POOL_RECORDS)
		snapshot_pool(snapshot, head.redirect_to, pool);
	else
		pool_of_member(snapshot, membership, pool);
	if (!head.count && info.membership != MEMBERSHIP_TOO_MANY)
		pool->service = use_departed(snapshot, info.departed_place, now_ms, &expired);
	/* Once more, after the snapshot: a pool's address is claimed before the pool goes, and the
	 * claim of one that gets a pool is released after the pool is there. */
	claimed = claimed || claims_hold_since(made, route->hash);
	of = &service_state[pool->service];
	picked->service = pool->service;
	if (head.count || info.membership != MEMBERSHIP_TOO_MANY)
		picked->name = atomic_load_explicit(&of->name, memory_order_relaxed);
	picked->age_ms =
		clock_since(atomic_load_explicit(&of->checked_ms, memory_order_relaxed), now_ms);
	picked->interval_ms = atomic_load_explicit(&of->interval_ms, memory_order_relaxed);
	service_note_use(pool->service, now_ms);
	picked->mode = mode_for(picked->name);
	picked->why = LEAVE_OFF;
	if (picked->mode == MODE_OFF)
		return false;
	if (picked->mode == MODE_OBSERVE)
		observers = OBSERVERS;
	pool->key ^= observers;
	/* Of one pool, and nobody else's: the turn is its own. */
	if ((claimed || head.count > 1) &&
	    take_any_turn(snapshot, membership, route->asked, claimed, observers, port, now_ms,
	                  &fresh)) {
		picked->what = PICK_ASKED;
		picked->may_retry = !claimed && head.redirect_to < POOL_RECORDS && pool->count > 1;
		picked->key = pool->key;
		return false;
	}
	if (head.redirect_to < POOL_RECORDS && pool->count)
		fresh = fresh && service_is_fresh(pool->service, pool->family, now_ms);
	if (claimed || !fresh || expired || head.redirect_to >= POOL_RECORDS || !pool->count) {
		picked->why = why_not(&head, info.membership == MEMBERSHIP_TOO_MANY, claimed, fresh,
		                      expired);
		return false;
	}
	if (config.mode == MODE_ON)
		service_note_fast(pool->service, pool->family);
	picked->may_retry = pool->count > 1;
	picked->key = pool->key;
	return true;
}

/* Word by word: a whole struct assigned would be built on the stack first. */
static void picked_begin(struct pick *picked, struct address asked)
{
	picked->target = asked;
	picked->what = PICK_NONE;
	picked->mode = config.mode;
	picked->why = LEAVE_BUSY;
	picked->may_retry = false;
	picked->service = 0;
	picked->interval_ms = UINT32_MAX;
	picked->age_ms = 0;
	picked->name = 0;
	picked->key = 0;
	picked->now_ms = clock_ms();
}

void pick_endpoint(struct route *route, uint32_t port, enum trial trial, struct pick *picked)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t made = atomic_load_explicit(&claims_made, memory_order_acquire), sequence;
		bool claimed = made && claims_hold(route->hash);
		const struct snapshot *snapshot = snapshot_read(&sequence);
		struct pool_record pool;

		picked_begin(picked, route->asked);
		if (sequence != route->sequence) {
			if (!route_find(route->asked, route))
				return;
			continue;
		}
		if (find_pool(snapshot, route, claimed, made, port, picked, &pool))
			pick_within(snapshot, &pool, route->asked, port, picked->now_ms,
			            picked->mode == MODE_ON ? trial : TRIAL_NONE, picked);
		if (snapshot_valid(sequence))
			return;
	}
	picked->what = PICK_NONE;
}

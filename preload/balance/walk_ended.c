/* How the connects of lookups ended: walk_ended and walk_returned of balance/walk.h. */
#include "balance/walk.h"

#include "balance/walk_records.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "directory/snapshot.h"

#include <errno.h>

#include "base/poison.h"

/* A connect that has ended: who made it, and where its endpoint is. */
struct whereabouts {
	uint64_t thread, key;
	uint32_t count, index, port;
};

/* Finds the pool within which connections to a peer are rotated. */
static bool find_pool(uint64_t thread, struct peer peer, struct whereabouts *at)
{
	struct reading reading = reading_begin();
	const struct snapshot *in = reading.snapshot;
	int64_t endpoint = in ? snapshot_find(in, peer.address) : -1, index;
	struct membership_head head;
	struct endpoint_info info;
	struct pool_record pool;

	if (endpoint < 0)
		return false;
	words_load(&info, &in->infos[endpoint], sizeof(info));
	words_load(&head, &in->memberships[info.membership % MEMBERSHIPS], sizeof(head));
	if (head.redirect_to >= POOL_RECORDS)
		return false;
	snapshot_pool(in, head.redirect_to, &pool);
	index = address_set_find(&in->addresses[pool.first], pool.count, peer.address);
	if (index < 0 || !reading_held(reading))
		return false;
	*at = (struct whereabouts){thread, pool.key, pool.count, (uint32_t)index, peer.port};
	return true;
}

/* Returns how well a record fits a connect that has ended, from 1; 0: not at all. */
static uint32_t ended_rank(const struct walk *walk, const struct whereabouts *at, uint64_t now_ms)
{
	bool open = walk_is_open(walk, now_ms), listed = walk->state == WALK_LISTED;

	if (walk->key != at->key || walk->count != at->count ||
	    (listed ? walk->lister : walk->thread) != at->thread)
		return 0;
	if (listed)
		return open ? 0 : 1;
	if (walk->port != at->port)
		return 0;
	if (!open)
		return 1;
	return walk->tried & walk_bit(walk_place(walk, at->index)) ? 3 : 2;
}

/* Returns the record of the lookup that a connect which has ended is of; WALKS: none. With
 * busy_only only lookups count whose connect has not returned. Of two used in one millisecond the
 * later one counts. */
static uint32_t find_ended(const struct whereabouts *at, uint64_t now_ms, bool busy_only)
{
	uint32_t best = WALKS, best_rank = 0;
	uint64_t best_order = 0;

	for (uint32_t i = 0; i < WALKS; i++) {
		struct walk walk;
		uint64_t sequence, order;
		uint32_t rank;

		if (!walk_read(i, &walk, &sequence) || (busy_only && !walk.busy))
			continue;
		rank = ended_rank(&walk, at, now_ms);
		order = walk.used_ms << 20 | (walk.ticket & 0xfffff);
		if (!rank || rank < best_rank || (rank == best_rank && order <= best_order))
			continue;
		best = i;
		best_rank = rank;
		best_order = order;
	}
	return best;
}

/* Records how a connect of a thread ended. */
static void ended(uint64_t thread, struct peer peer, int error)
{
	uint64_t now_ms = clock_ms(), sequence;
	struct whereabouts at;
	struct walk walk;
	uint32_t record;

	if (!load_relaxed(&walk_tickets) || (!error && !walk_any()) ||
	    !find_pool(thread, peer, &at))
		return;
	record = find_ended(&at, now_ms, false);
	if (record >= WALKS || !walk_read(record, &walk, &sequence))
		return;
	walk.busy = false;
	if (!error) {
		walk.failed = false;
		walk.tried |= walk_bit(walk_place(&walk, at.index));
		/* The connection is made: the next connect is another one. */
		walk.state = WALK_CLOSED;
		walk_write(record, sequence, &walk);
		return;
	}
	if (!walk_is_open(&walk, now_ms)) {
		walk.kept = true;
		walk.owes = false;
		walk.thread = thread;
		walk.port = peer.port;
		walk.asked = walk_bit(walk.begun_at);
		walk.tried = 0;
		walk.newest = load_relaxed(&walk_tickets);
		walk.state = WALK_GOES;
	}
	walk.tried |= walk_bit(walk_place(&walk, at.index));
	walk.failed = true;
	walk.used_ms = now_ms;
	if (walk_write(record, sequence, &walk))
		walk_open_up(add_relaxed(&walk_tickets, 1) + 1);
}

void walk_ended(struct peer peer, int error)
{
	ended((uintptr_t)&errno, peer, error);
}

void walk_returned(uint64_t thread, struct peer peer, int error)
{
	struct whereabouts at;
	struct walk walk;
	uint64_t sequence;
	uint32_t record;

	if (!error) {
		ended(thread, peer, 0);
		return;
	}
	if (!find_pool(thread, peer, &at))
		return;
	record = find_ended(&at, clock_ms(), true);
	if (record >= WALKS || !walk_read(record, &walk, &sequence))
		return;
	walk.busy = false;
	walk_write(record, sequence, &walk);
}

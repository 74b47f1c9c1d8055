#include "balance/walk.h"

#include "base/address_set.h"
#include "base/clock.h"
#include "directory/snapshot.h"

#include <errno.h>

#include "base/poison.h"

enum {
	LIST_TRIES = 4,
	/* A client that connects does so right after its lookup, in whichever thread. */
	FRESH_MS = 100,
	/* A client that goes on to its next address has waited at least that long. */
	DUE_MS = 100
};

_Atomic uint64_t walk_open;
static _Atomic uint64_t tickets; /* of the newest lookup */

static struct record {
	_Atomic uint64_t sequence; /* odd: being written */
	struct walk walk;
} records[WALKS];

/* ---- Records */

/* Reads a record; returns false if somebody writes it. words_load is an acquire, so that a word of
 * a later writer brings the odd number of that writer along. */
static bool record_read(uint32_t record, struct walk *walk, uint64_t *sequence)
{
	const struct record *at = &records[record];

	*sequence = atomic_load_explicit(&at->sequence, memory_order_acquire);
	words_load(walk, &at->walk, sizeof(*walk));
	return !(*sequence & 1) && load_relaxed(&at->sequence) == *sequence;
}

/* Writes a record, which has this sequence number; returns false if it was written meanwhile. */
static bool record_write(uint32_t record, uint64_t sequence, const struct walk *walk)
{
	struct record *at = &records[record];
	uint64_t claim = (sequence + 1) | 1;

	if (!atomic_compare_exchange_strong(&at->sequence, &sequence, claim))
		return false;
	words_store(&at->walk, walk, sizeof(*walk));
	atomic_store_explicit(&at->sequence, claim + 1, memory_order_release);
	return true;
}

static bool is_open(const struct walk *walk, uint64_t now_ms)
{
	return walk->key && walk->state != WALK_CLOSED &&
	       clock_since(walk->used_ms, now_ms) < WALK_MS;
}

/* Pairs with the acquire in walk_find, so that who sees the number sees the record too. */
static void open_up(uint64_t ticket)
{
	atomic_store_explicit(&walk_open, ticket, memory_order_release);
}

void walk_listed(uint64_t key, uint32_t count, uint32_t first)
{
	struct walk walk = {.key = key,
	                    .lister = (uintptr_t)&errno,
	                    .used_ms = clock_ms(),
	                    .first = first,
	                    .count = count};

	if (count < 2 || !key)
		return;
	for (int i = 0; i < LIST_TRIES; i++) {
		uint64_t sequence;

		walk.ticket = add_relaxed(&tickets, 1) + 1;
		sequence = load_relaxed(&records[walk.ticket % WALKS].sequence);
		/* Somebody writes it, or did and was killed, or has left by siglongjmp: in the end
		 * the record is taken over. */
		if (sequence & 1 && i + 1 < LIST_TRIES)
			continue;
		if (record_write(walk.ticket % WALKS, sequence, &walk)) {
			open_up(walk.ticket);
			return;
		}
	}
}

/* ---- What a connect is */

/* A record that a connect may be of. */
struct match {
	uint32_t record; /* WALKS: none */
	uint32_t rank;   /* how well it fits */
	uint64_t order;  /* of two that fit alike, the larger one */
	uint64_t sequence;
	uint64_t used_ms;
	uint64_t more; /* `lister` of a lookup without a connect, `newest` of one with connects */
};

/* What is found in the ring. */
struct scan {
	struct match listed; /* a lookup without a connect */
	struct match goes;   /* one of which this may be a continuation */
	struct match again;  /* one that was asked for this address already */
	uint64_t own_ticket; /* the newest lookup of this thread; 0: it looks nothing up */
	bool own_is_lost;    /* another thread has connected by that one */
	uint32_t open;       /* how many lookups are open */
};

/* Bits of match.rank, and what is true of the record if they are set. */
enum {
	LISTED_HEAD = 1, /* the address asked for is the first of the list: as its bit */
	LISTED_OWN = 2,  /* this thread has looked up */
	GOES_NEXT = 1,   /* the address asked for is the one behind those that were */
	GOES_FAILED = 2  /* its last connect has failed */
};

static void match_better(struct match *match, struct match other)
{
	if (match->record >= WALKS || other.rank > match->rank ||
	    (other.rank == match->rank && other.order > match->order))
		*match = other;
}

/* Adds an open record in which the address asked for has that bit. */
static void scan_open(struct scan *scan, const struct walk_ask *ask, struct match match,
                      const struct walk *walk, uint64_t bit)
{
	match.used_ms = walk->used_ms;
	match.order = match.more = walk->newest;
	if (walk->state == WALK_LISTED) {
		match.rank = (uint32_t)(bit & LISTED_HEAD) |
		             (walk->lister == ask->thread ? LISTED_OWN : 0);
		match.order = walk->ticket;
		match.more = walk->lister;
		match_better(&scan->listed, match);
	} else if (walk->thread != ask->thread || walk->port != ask->port) {
		return;
	} else if (walk->asked & bit || (walk->kept && !walk->failed)) {
		match_better(&scan->again, match);
	} else {
		match.rank =
			(bit >> 1 & walk->asked ? GOES_NEXT : 0) | (walk->failed ? GOES_FAILED : 0);
		match_better(&scan->goes, match);
	}
}

static void scan_record(struct scan *scan, const struct walk_ask *ask, uint32_t record)
{
	struct walk walk;
	uint64_t sequence, bit;
	bool open;

	if (!record_read(record, &walk, &sequence)) {
		scan->open++;
		return;
	}
	open = is_open(&walk, ask->now_ms);
	scan->open += open;
	if (walk.key != ask->key || walk.count != ask->count)
		return;
	if (walk.lister == ask->thread && walk.ticket > scan->own_ticket) {
		scan->own_ticket = walk.ticket;
		scan->own_is_lost = walk.state != WALK_LISTED && walk.thread != ask->thread;
	}
	bit = walk_bit(walk_place(&walk, ask->index));
	if (open && bit)
		scan_open(scan, ask, (struct match){.record = record, .sequence = sequence}, &walk,
		          bit);
}

/* Returns true if a thread has made the connects of a lookup. */
static bool connects(uint64_t thread)
{
	for (uint32_t i = 0; i < WALKS; i++) {
		struct walk walk;
		uint64_t sequence;

		if (record_read(i, &walk, &sequence) && walk.key && walk.thread == thread)
			return true;
	}
	return false;
}

/* Returns true if a connect that may be the first one of a lookup, or a continuation of another, is
 * the first one.
 *
 * A thread that looks up by itself connects by its newest lookup, unless it has connected since and
 * goes on with that. For one that has others look up (Node.js) what counts is time: a first connect
 * comes right after its lookup, and a continuation later than the connect before. Where both may be
 * true either is right, because the list of one lookup begins with what comes next in another. */
static bool is_first(const struct scan *scan, uint64_t now_ms)
{
	const struct match *listed = &scan->listed, *goes = &scan->goes;
	bool later = listed->order > goes->more, head = listed->rank & LISTED_HEAD;
	bool due = goes->rank & GOES_FAILED || clock_since(goes->used_ms, now_ms) >= DUE_MS;

	if (listed->rank & LISTED_OWN)
		return later || (head && !due) || !goes->rank;
	if (clock_since(listed->used_ms, now_ms) > FRESH_MS)
		return false;
	if (head)
		return later || !due;
	return later && !(due && goes->rank & GOES_NEXT);
}

/* Returns what the connect is of; NULL if of nothing that is known. */
static const struct match *choose(struct scan *scan, uint64_t now_ms)
{
	const struct match *listed = &scan->listed, *goes = &scan->goes;

	if (scan->own_is_lost)
		return NULL;
	/* Lookups of threads that connect by themselves are theirs. */
	if (listed->record < WALKS && !(listed->rank & LISTED_OWN) &&
	    (scan->own_ticket || connects(listed->more)))
		scan->listed.record = WALKS;
	if (listed->record < WALKS && (goes->record >= WALKS || is_first(scan, now_ms)))
		return listed;
	return goes->record < WALKS ? goes : NULL;
}

/* Closes a lookup whose client keeps the answer. Returns true if it has done so. */
static bool close_up(uint32_t record)
{
	struct walk walk;
	uint64_t sequence;

	if (record >= WALKS || !record_read(record, &walk, &sequence))
		return false;
	walk.state = WALK_CLOSED;
	return record_write(record, sequence, &walk);
}

/* Reads what was chosen into *step; returns false if that was written meanwhile, or its place in
 * the ring is about to be taken: then a newer lookup of this thread may have gone before. */
static bool take_up(const struct walk_ask *ask, const struct match *match, struct walk_step *step)
{
	struct walk *walk = &step->walk;

	if (!record_read(match->record, walk, &step->sequence) ||
	    step->sequence != match->sequence || load_relaxed(&tickets) - walk->ticket >= WALKS ||
	    walk->busy)
		return false;
	step->record = match->record;
	step->place = walk_place(walk, ask->index);
	step->continues = walk->state == WALK_GOES;
	step->owes = step->continues && walk->owes;
	return true;
}

APART void walk_find(const struct walk_ask *ask, struct walk_step *step)
{
	struct scan scan = {.listed.record = WALKS, .goes.record = WALKS, .again.record = WALKS};
	uint64_t open = atomic_load_explicit(&walk_open, memory_order_acquire);
	const struct match *match;

	step->record = WALKS;
	step->continues = step->owes = false;
	for (uint32_t i = 0; i < WALKS; i++)
		scan_record(&scan, ask, i);
	match = choose(&scan, ask->now_ms);
	if (match && take_up(ask, match, step))
		return;
	if (!match)
		scan.open -= close_up(scan.again.record);
	if (!scan.open)
		atomic_compare_exchange_strong(&walk_open, &open, 0);
}

void walk_note(const struct walk_ask *ask, struct walk_step *step, uint32_t index)
{
	struct walk *walk = &step->walk;
	uint64_t all = walk_bit(ask->count) - 1; /* of more than WALK_PLACES: all bits */

	if (step->record >= WALKS)
		return;
	if (!step->continues) {
		walk->thread = ask->thread;
		walk->port = ask->port;
		walk->begun_at = step->place;
	}
	walk->asked |= walk_bit(step->place);
	walk->tried |= walk_bit(walk_place(walk, index));
	walk->failed = false;
	walk->busy = true;
	walk->owes = step->owes;
	walk->used_ms = ask->now_ms;
	walk->newest = load_relaxed(&tickets);
	walk->state = walk->asked == all ? WALK_CLOSED : WALK_GOES;
	record_write(step->record, step->sequence, walk);
}

/* ---- How connects ended */

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

/* How well a record fits a connect that has ended, from 1; 0: not at all. */
static uint32_t ended_rank(const struct walk *walk, const struct whereabouts *at, uint64_t now_ms)
{
	bool open = is_open(walk, now_ms), listed = walk->state == WALK_LISTED;

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

/* Finds the lookup that a connect which has ended is of, or of those whose connect has not returned
 * only. Of two used in one millisecond the later one counts. */
static uint32_t find_ended(const struct whereabouts *at, uint64_t now_ms, bool busy_only)
{
	struct match best = {.record = WALKS};

	for (uint32_t i = 0; i < WALKS; i++) {
		struct match match = {.record = i};
		struct walk walk;
		uint64_t sequence;

		if (!record_read(i, &walk, &sequence) || (busy_only && !walk.busy))
			continue;
		match.rank = ended_rank(&walk, at, now_ms);
		match.order = walk.used_ms << 20 | (walk.ticket & 0xfffff);
		if (match.rank)
			match_better(&best, match);
	}
	return best.record;
}

/* Of a connect of a thread. */
static void ended(uint64_t thread, struct peer peer, int error)
{
	uint64_t now_ms = clock_ms(), sequence;
	struct whereabouts at;
	struct walk walk;
	uint32_t record;

	if (!load_relaxed(&tickets) || (!error && !walk_any()) || !find_pool(thread, peer, &at))
		return;
	record = find_ended(&at, now_ms, false);
	if (record >= WALKS || !record_read(record, &walk, &sequence))
		return;
	walk.busy = false;
	if (!error) {
		walk.failed = false;
		walk.tried |= walk_bit(walk_place(&walk, at.index));
		walk.state =
			WALK_CLOSED; /* the connection is made: the next connect is another one */
		record_write(record, sequence, &walk);
		return;
	}
	if (!is_open(&walk, now_ms)) {
		walk.kept = true;
		walk.owes = false;
		walk.thread = thread;
		walk.port = peer.port;
		walk.asked = walk_bit(walk.begun_at);
		walk.tried = 0;
		walk.newest = load_relaxed(&tickets);
		walk.state = WALK_GOES;
	}
	walk.tried |= walk_bit(walk_place(&walk, at.index));
	walk.failed = true;
	walk.used_ms = now_ms;
	if (record_write(record, sequence, &walk))
		open_up(add_relaxed(&tickets, 1) + 1);
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
	if (record >= WALKS || !record_read(record, &walk, &sequence))
		return;
	walk.busy = false;
	record_write(record, sequence, &walk);
}

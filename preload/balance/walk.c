#include "balance/walk.h"

#include "balance/walk_records.h"
#include "base/attributes.h"
#include "base/clock.h"

#include <errno.h>

#include "base/poison.h"

enum {
	LIST_TRIES = 16,
	/* A client that connects does so right after its lookup, in whichever thread. */
	FRESH_MS = 100,
	/* A client that goes on to its next address has waited at least that long. */
	DUE_MS = 100
};

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

		walk.ticket = add_relaxed(&walk_tickets, 1) + 1;
		sequence = walk_sequence(walk.ticket % WALKS);
		/* Somebody writes it, or did and was killed, or has left by siglongjmp: in the end
		 * the record is taken over. */
		if (sequence & 1 && i + 1 < LIST_TRIES)
			continue;
		if (walk_write(walk.ticket % WALKS, sequence, &walk)) {
			walk_open_up(walk.ticket);
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

	if (!walk_read(record, &walk, &sequence)) {
		scan->open++;
		return;
	}
	open = walk_is_open(&walk, ask->now_ms);
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

		if (walk_read(i, &walk, &sequence) && walk.key && walk.thread == thread)
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

	if (record >= WALKS || !walk_read(record, &walk, &sequence))
		return false;
	walk.state = WALK_CLOSED;
	return walk_write(record, sequence, &walk);
}

/* Reads what was chosen into *step; returns false if that was written meanwhile, or its place in
 * the ring is about to be taken: then a newer lookup of this thread may have gone before. */
static bool take_up(const struct walk_ask *ask, const struct match *match, struct walk_step *step)
{
	struct walk *walk = &step->walk;

	if (!walk_read(match->record, walk, &step->sequence) || step->sequence != match->sequence ||
	    load_relaxed(&walk_tickets) - walk->ticket >= WALKS || walk->busy)
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
	walk->newest = load_relaxed(&walk_tickets);
	walk->state = walk->asked == all ? WALK_CLOSED : WALK_GOES;
	walk_write(step->record, step->sequence, walk);
}

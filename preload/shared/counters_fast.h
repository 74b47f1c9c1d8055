/* counters.h for each managed connection: the same functions as inline bodies, so that connect is
 * of one piece with them. */
#ifndef LBDNS_SHARED_COUNTERS_FAST_H
#define LBDNS_SHARED_COUNTERS_FAST_H

#include "base/address.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Tallies (endpoint_counters.c) */

enum {
	COUNTERS_GRAIN_TICKS = 8, /* how often a tally that is used is marked so */
	COUNTERS_TALLY_BITS = 14
};
_Static_assert(SHARED_TALLIES == 1 << COUNTERS_TALLY_BITS, "a place in so many bits");

/* Returns the place where a tally is looked for first; then it is in the others of the same
 * SHARED_WAYS. */
static inline uint32_t counters_tally_place(uint64_t name, struct address endpoint, uint32_t port)
{
	/* The name is a good hash already. */
	uint64_t hash = (name ^ endpoint.high ^ endpoint.low ^ (uint64_t)port << 40) * HASH_GOLDEN;

	return (uint32_t)(hash >> (64 - COUNTERS_TALLY_BITS));
}

static inline bool counters_tally_is(const struct tally *tally, uint64_t name,
                                     struct address endpoint, uint32_t port)
{
	/* Acquire: pairs with tally_begin, whose zeros are there before the port is. */
	return load_relaxed(&tally->name) == name &&
	       (uint32_t)atomic_load_explicit(&tally->port_used, memory_order_acquire) == port &&
	       load_relaxed(&tally->low) == endpoint.low &&
	       load_relaxed(&tally->high) == endpoint.high;
}

static inline bool counters_tally_is_used(const struct tally *tally, uint64_t now_ms)
{
	return clock_tick(now_ms) - (load_relaxed(&tally->port_used) >> 32) < COUNTERS_GRAIN_TICKS;
}

/* Finds a tally in another place than the first, marks it used, or begins one. */
struct tally *counters_tally_slowly(uint64_t name, struct address endpoint, uint32_t port,
                                    uint64_t now_ms);

static inline struct tally *counters_tally_fast(uint64_t name, struct address endpoint,
                                                uint32_t port, uint64_t now_ms)
{
	struct tally *first = &shared()->tallies[counters_tally_place(name, endpoint, port)];

	/* Nearly always: in the first place, and marked. 0 is no name, and has no tally. */
	if (__builtin_expect(counters_tally_is(first, name, endpoint, port) &&
	                             counters_tally_is_used(first, now_ms) && name,
	                     1))
		return first;
	return counters_tally_slowly(name, endpoint, port, now_ms);
}

static inline void counters_connected_fast(struct tally *tally, bool rewritten)
{
	if (__builtin_expect(tally != NULL, 1))
		add_relaxed(rewritten ? &tally->rewritten : &tally->kept, 1);
}

/* ---- The last rewritten connections (rewrites.c) */

enum { REWRITE_RESULT_BITS = 8 /* of an errno */ };

/* Returns the first word of a record: when, result, and place of the tally. */
static inline uint64_t rewrite_head(uint64_t at_ms, uint32_t place, int result)
{
	return at_ms << (REWRITE_RESULT_BITS + COUNTERS_TALLY_BITS) |
	       ((uint64_t)(uint32_t)result & ((1 << REWRITE_RESULT_BITS) - 1))
	               << COUNTERS_TALLY_BITS |
	       place;
}

/* Returns the checksum of a record's other words and of the identity of its tally; never 0. */
static inline uint64_t rewrite_check(uint64_t head, struct address asked, const struct tally *tally)
{
	uint64_t check = (head ^ load_relaxed(&tally->name)) * HASH_GOLDEN;

	return (check ^ asked.low ^ asked.high >> 7 ^ load_relaxed(&tally->low)) | 1;
}

static inline void counters_rewritten_fast(const struct tally *tally, struct address asked,
                                           uint64_t at_ms, int result)
{
	struct shared *in = shared();
	/* A load and a store, not one atomic step: two at the same time may take the same place,
	 * and the check word tells if they mixed. */
	uint64_t turn = load_relaxed(&in->rewrite_next), head;
	_Atomic uint64_t *to = in->rewrites[turn % SHARED_REWRITES].words;

	if (__builtin_expect(!tally, 0))
		return;
	/* Modulo, because tally may lie in a segment that was in use before this one. */
	head = rewrite_head(at_ms, (uint32_t)(tally - in->tallies) % SHARED_TALLIES, result);
	store_relaxed(&in->rewrite_next, turn + 1);
	store_relaxed(&to[0], head);
	store_relaxed(&to[1], asked.high);
	store_relaxed(&to[2], asked.low);
	store_relaxed(&to[3], rewrite_check(head, asked, tally));
}

#endif

/* What is counted for people to see: `lbdns status`, `lbdns metrics`.
 *
 * In shared memory (shared.h): bounded, without locks, and never read by what decides where a
 * connection goes. Names are told by name_hash of their text; port is as in rotation.h. Any
 * thread, any signal handler, unless said otherwise. */
#ifndef LBDNS_SHARED_COUNTERS_H
#define LBDNS_SHARED_COUNTERS_H

#include "base/address.h"
#include "base/name.h"
#include "base/reason.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes a name known, so that what is counted for its hash can be shown; again whenever it is
 * learned. Not in a signal handler. */
void counters_name(const struct name_text *name);

/* The record of a name, by its hash; NULL if there is none. */
struct shared_name *counters_find(uint64_t name);

/* It is short for that absolute name. An order for the one is one for the other. */
void counters_alias(const struct name_text *name, const struct name_text *absolute);

/* One refresh of a name. Refresh thread. */
struct counters_refresh {
	const struct name_text *name;
	uint64_t now_ms;
	uint32_t outcome; /* enum dns_outcome, of the better family */
	uint32_t interval_ms, ttl_s;
	uint32_t endpoints[FAMILY_COUNT]; /* that the name has from now on */
	bool changed;
};

void counters_refreshed(const struct counters_refresh *refresh);

/* ---- Connections
 *
 * Here is what each connection does; connect is to be of one piece with it. */

enum {
	COUNTERS_GRAIN_S = 8, /* how often it is noted that a tally is in use */
	COUNTERS_TALLY_BITS = 14,
	COUNTERS_RESULT_BITS = 8 /* of an errno */
};
_Static_assert(SHARED_TALLIES == 1 << COUNTERS_TALLY_BITS, "a place in so many bits");

/* The place where it is first looked for, and then in the others of the same SHARED_WAYS. */
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
	return shared_load(&tally->name) == name &&
	       (uint32_t)atomic_load_explicit(&tally->port_used, memory_order_acquire) == port &&
	       shared_load(&tally->low) == endpoint.low &&
	       shared_load(&tally->high) == endpoint.high;
}

static inline bool counters_tally_is_used(const struct tally *tally, uint64_t now_ms)
{
	return (now_ms >> 10) - (shared_load(&tally->port_used) >> 32) < COUNTERS_GRAIN_S;
}

struct tally *counters_tally_slowly(uint64_t name, struct address endpoint, uint32_t port,
                                    uint64_t now_ms);

/* What is counted for an endpoint on a port, now (clock_ms). name may be 0 here and below. NULL if
 * nothing is: no name, or no room. */
static inline struct tally *counters_tally(uint64_t name, struct address endpoint, uint32_t port,
                                           uint64_t now_ms)
{
	struct tally *first = &shared()->tallies[counters_tally_place(name, endpoint, port)];

	/* The usual way: in the first place, and in use. 0 is no name, and has no tally. */
	if (__builtin_expect(counters_tally_is(first, name, endpoint, port) &&
	                             counters_tally_is_used(first, now_ms) && name,
	                     1))
		return first;
	return counters_tally_slowly(name, endpoint, port, now_ms);
}

/* One connection: rewritten, or kept where the client asked. tally may be NULL. */
static inline void counters_connected(struct tally *tally, bool rewritten)
{
	if (__builtin_expect(tally != NULL, 1))
		shared_add_one(rewritten ? &tally->rewritten : &tally->kept);
}

/* One attempt that failed; one that follows a failed one. */
void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);
void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);

void counters_passed(uint64_t name, enum leave_reason why);

/* Of the words of a record, but for the check itself. */
static inline uint64_t counters_recent_check(uint64_t first, struct address asked,
                                             const struct tally *tally)
{
	uint64_t check = (first ^ shared_load(&tally->name)) * HASH_GOLDEN;

	check = (check ^ asked.low ^ asked.high >> 7) * HASH_GOLDEN;
	return (check ^ shared_load(&tally->low)) | 1;
}

static inline uint64_t counters_recent_first(uint64_t at_ms, uint32_t place, int result)
{
	return at_ms << (COUNTERS_RESULT_BITS + COUNTERS_TALLY_BITS) |
	       ((uint64_t)(uint32_t)result & ((1 << COUNTERS_RESULT_BITS) - 1))
	               << COUNTERS_TALLY_BITS |
	       place;
}

/* A rewritten connection, once it is known how it ended: result is an errno, EINPROGRESS if nobody
 * knows yet, 0 if it was made. at_ms by clock_ms. Nothing is noted of one that was not counted
 * (tally is NULL). */
static inline void counters_recent(const struct tally *tally, struct address asked, uint64_t at_ms,
                                   int result)
{
	struct shared *in = shared();
	/* Not one atomic step: two at the same time may take the same place, and the check word
	 * tells if they mixed. */
	uint64_t turn = shared_load(&in->recent_next), first;
	_Atomic uint64_t *to = in->recent[turn % SHARED_RECENT].words;

	if (__builtin_expect(!tally, 0))
		return;
	/* Of the segment that the tally is in, which may be another by now. */
	first = counters_recent_first(at_ms, (uint32_t)(tally - in->tallies) % SHARED_TALLIES,
	                              result);
	shared_store(&in->recent_next, turn + 1);
	shared_store(&to[0], first);
	shared_store(&to[1], asked.high);
	shared_store(&to[2], asked.low);
	shared_store(&to[3], counters_recent_check(first, asked, tally));
}

/* The same, of one that is read. */
struct counters_rewrite {
	uint64_t name, at_ms;
	struct address asked, picked;
	uint32_t port;
	int result;
};

/* The last one to that endpoint of which nobody knew has failed. */
void counters_recent_failed(struct address picked, uint32_t port, int error);

/* This process has refreshed a name. name is of 16 bytes (prctl(2), PR_GET_NAME). Refresh thread.
 */
void counters_process(uint64_t now_ms, const char *name);

/* ---- For programs that look at it */

/* The text of a name, false if it is unused or half written. */
bool counters_read_name(const struct shared_name *from, struct name_text *text);

/* False if the record is unused or half written. */
bool counters_read_recent(const struct shared_recent *from, struct counters_rewrite *rewrite);

#endif

/* What is counted for people to see: `lbdns status`, `lbdns metrics`.
 *
 * In shared memory (shared.h): bounded, without locks, and never read by what decides where a
 * connection goes. Names are told by names_hash of their text; port is as in rotation.h. Any
 * thread, any signal handler, unless said otherwise. */
#ifndef LBDNS_COUNTERS_H
#define LBDNS_COUNTERS_H

#include "address.h"
#include "names.h"
#include "shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a connection to an address that we know was left alone. */
enum counters_pass {
	PASS_CLAIMED,  /* the address stands for another name too */
	PASS_SOCKET,   /* the socket was not fresh: most of these calls ask how a connect went */
	PASS_DATAGRAM, /* UDP, which does not rotate without LBDNS_UDP=on */
	PASS_STALE,    /* DNS has not answered for LBDNS_MAX_STALE */
	PASS_SEVERAL,  /* in pools that have no endpoint in common */
	PASS_GONE,     /* its pool is gone, or it left it and nobody had asked for it for an hour */
	PASS_BUSY,     /* the pools changed while we looked, again and again */
	PASS_OBSERVED, /* it would have been rewritten, but for observe */
	PASS_OFF,      /* switched off */
	PASS_COUNT
};

/* One for each: "claimed", "not fresh", … */
const char *counters_pass_text(enum counters_pass why);

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
	uint32_t outcome; /* enum resolver_outcome, of the better family */
	uint32_t interval_ms, ttl_s;
	uint32_t endpoints[FAMILY_COUNT]; /* that the name has from now on */
	bool changed;
};

void counters_refreshed(const struct counters_refresh *refresh);

/* One connection to an endpoint: rewritten, or kept where the client asked. name may be 0 here and
 * below: nothing is counted. */
void counters_connected(uint64_t name, struct address endpoint, uint32_t port, bool rewritten,
                        uint64_t now_ms);

/* One attempt that failed; one that follows a failed one. */
void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);
void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);

void counters_passed(uint64_t name, enum counters_pass why);

/* A rewritten connection, once it is known how it ended: result is an errno, EINPROGRESS if nobody
 * knows yet, 0 if it was made. at_ms by clock_ms. */
struct counters_rewrite {
	uint64_t name, at_ms;
	struct address asked, picked;
	uint32_t port;
	int result;
};

/* Of the other words of a record. */
static inline uint64_t counters_recent_check(const uint64_t words[SHARED_RECENT_WORDS])
{
	uint64_t check = 0;

#pragma GCC unroll 8
	for (int i = 1; i < SHARED_RECENT_WORDS; i++)
		check = (check ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return check | 1;
}

/* Here for the pick path: without a call it costs half. */
static inline void counters_recent(const struct counters_rewrite *rewrite)
{
	struct shared *in = shared();
	/* Not one atomic step: two at the same time may take the same place, and the check word
	 * tells if they mixed. */
	uint64_t turn = atomic_load_explicit(&in->recent_next, memory_order_relaxed);
	_Atomic uint64_t *to = in->recent[turn % SHARED_RECENT].words;
	uint64_t words[SHARED_RECENT_WORDS] = {
		0,
		rewrite->at_ms,
		rewrite->name,
		rewrite->asked.high,
		rewrite->asked.low,
		rewrite->picked.high,
		rewrite->picked.low,
		rewrite->port | (uint64_t)(uint32_t)rewrite->result << 32,
	};

	words[0] = counters_recent_check(words);
	atomic_store_explicit(&in->recent_next, turn + 1, memory_order_relaxed);
#pragma GCC unroll 8
	for (int i = 0; i < SHARED_RECENT_WORDS; i++)
		atomic_store_explicit(&to[i], words[i], memory_order_relaxed);
}

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

/* What speaks against endpoints, and how long all processes of the user pass over them.
 *
 * A record is of an endpoint in a network namespace, in shared memory (shared/layout.h): what one
 * process finds dead, all pass over. An endpoint is
 *
 * - doubted once an attempt was silent: the SYN has no answer though it is time. From now on
 *   connections say how they end, and the refresh thread checks it every few milliseconds;
 * - held while it is doubted, if three of these checks and more were silent, no other endpoint of
 *   its pool is doubted, and another one has answered since the first silent attempt was noticed:
 *   it is passed over, but for no longer than a second after that attempt began;
 * - ejected, which is passed over: by one attempt that was refused, or that ended for want of an
 *   answer; by a second silent one in a row, if another endpoint of its pool has answered since the
 *   first was noticed, and the first began 0.7 s ago, or 2 s where others of the pool are doubted
 *   too. What hits all alike ejects nobody.
 *
 * Any answer ends all of it, also that of an attempt that began before. Until then an ejected
 * endpoint is checked ever more rarely by one connection (a client's, or one of the refresh
 * thread's), under a lease, so that a checker that dies does not keep it out; and soon by another
 * process if a single one complains of it, because the fault may be that one's (a firewall, a
 * route). Silent endpoints are at most half of a pool, because packets that vanish may be the
 * network's fault; refusing ones go down to the last, and the last is the one that has rested for
 * the longest.
 *
 * A port is as in struct peer; a pool is an address_set_key, 0 if it is not known. Any thread, any
 * signal handler; no lock, no allocation; errno is kept. */
#ifndef LBDNS_BALANCE_EJECTION_H
#define LBDNS_BALANCE_EJECTION_H

#include "balance/trial.h"
#include "base/atomic.h"
#include "base/peer.h"
#include "base/config.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct skips;

/* No doubt lasts longer (evidence_doubt), seen from when a connect began that may have taken
 * minutes. What is longer is of another clock, or anything: connections would never be on the fast
 * path again. */
enum { EJECTION_DOUBT_MOST_MS = 60 * 60 * 1000 };

/* Returns true if anything may speak against any endpoint; never with LBDNS_EJECT=0. One load of
 * shared memory. */
static inline bool ejection_any(uint64_t now_ms)
{
	uint64_t until_ms = load_relaxed(&shared()->doubts_until_ms);

	/* What is past, or now, wraps to a large number. */
	return __builtin_expect(until_ms - now_ms - 1 < EJECTION_DOUBT_MOST_MS, 0) &&
	       config.eject_ms;
}

/* Finds which of these endpoints (sorted; read word by word, atomically) are ejected or held now,
 * into *skips, which need not be set before. trial says who may be given the lease of one that is
 * to be checked. */
void ejection_skips(const struct address *endpoints, uint32_t count, uint32_t port, uint64_t now_ms,
                    enum trial trial, struct skips *skips);

/* Returns true if an errno of connect tells of the endpoint, not of this host. */
bool ejection_blames(int error);

/* Returns true if an errno of connect means that the endpoint swallowed packets. */
bool ejection_is_silent(int error);

/* Ejects an endpoint, a connection to which has failed with error, unless LBDNS_EJECT is 0 or the
 * error does not blame it. Returns true if it was not ejected before. */
bool ejection_failed(struct peer peer, uint64_t pool, int error, uint64_t now_ms);

/* What one more silent attempt means. */
enum silence {
	SILENCE_KNOWN,  /* nothing new */
	SILENCE_CHECK,  /* the first: the caller has the lease to check the endpoint */
	SILENCE_FAILURE /* the second in a row, or a later one */
};

/* Records that an attempt which began at began_ms has had no answer for longer than its limit.
 * Returns SILENCE_KNOWN with LBDNS_EJECT=0, or if there is no room for a record. */
enum silence ejection_silent(struct peer peer, uint64_t pool, uint64_t began_ms, uint64_t now_ms);

/* Records that a check of an endpoint that is doubted has had no answer for some time: the first
 * one is the second silent attempt. Returns true if it is to be checked again at once. */
bool ejection_check_silent(struct peer peer, uint64_t now_ms);

/* Records that an attempt which ejection_silent was told of still has no answer. Returns true if
 * that ejects its endpoint, because it has been silent for long enough by now. */
bool ejection_still_silent(struct peer peer, uint64_t now_ms);

/* Returns true if an endpoint is ejected, or two attempts in a row have been silent. */
bool ejection_speaks(struct peer peer, uint64_t now_ms);

/* Ends all that speaks against an endpoint, because a connection to it was answered. */
void ejection_answered(struct peer peer, uint64_t pool, uint64_t began_ms, uint64_t now_ms);

/* Returns when an ejected endpoint is to be checked next (clock_ms); 0 if it is not ejected. */
uint64_t ejection_until(struct peer peer, uint64_t now_ms);

/* Returns when an ejected endpoint last failed (clock_ms); 0 if it is not ejected. */
uint64_t ejection_failed_ms(struct peer peer, uint64_t now_ms);

#endif

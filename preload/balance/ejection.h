/* Ejections: endpoints that failed, and how long all processes of the user pass over them.
 *
 * An ejection is of an address and port, in shared memory (shared/layout.h): what one process finds
 * dead, all pass over. When its time is up one connection tries the endpoint again (a client's, or
 * one of the refresh thread's), under a lease, so that a prober that dies does not keep it out.
 * Silent endpoints are at most half of a pool: packets that vanish may be the network's fault;
 * refusing ones go down to the last. Those that this process alone finds late (late.h) are passed
 * over too, and count as silent.
 *
 * A port is as in struct peer. Any thread, any signal handler; no lock, no allocation. */
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

/* Returns true if there may be any ejection; never with LBDNS_EJECT=0. One load of shared memory.
 */
static inline bool ejection_any(uint64_t now_ms)
{
	uint64_t until_ms = load_relaxed(&shared()->ejected_until_ms);

	return __builtin_expect(until_ms > now_ms, 0) && config.eject_ms;
}

/* Finds which of these endpoints (sorted; read word by word, atomically) are ejected now, into
 * *skips, which need not be set before. trial says who may be given the lease of one whose time is
 * up. */
void ejection_skips(const struct address *endpoints, uint32_t count, uint32_t port, uint64_t now_ms,
                    enum trial trial, struct skips *skips);

/* Returns true if an errno of connect tells of the endpoint, not of this host. */
bool ejection_blames(int error);

/* Returns true if an errno of connect means that the endpoint swallowed packets. */
bool ejection_is_silent(int error);

/* Ejects an endpoint, a connection to which has failed with error, unless LBDNS_EJECT is 0 or the
 * error does not blame it. Returns true if it was not ejected before. */
bool ejection_failed(struct peer peer, int error, uint64_t now_ms);

/* Ends the ejection of an endpoint, to which a connection was made. */
void ejection_answered(struct peer peer, uint64_t now_ms);

/* Returns until when an endpoint is passed over (clock_ms), 0 if it is not: for programs that look.
 * If that is past, the endpoint waits for a connection that tries it. */
uint64_t ejection_until(struct peer peer, uint64_t now_ms);

#endif

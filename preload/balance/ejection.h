/* Failures of endpoints, and how long they are passed over.
 *
 * An ejection is of an address and port, in shared memory (shared.h): what one process finds dead,
 * all pass over. When its time is up one connection tries the endpoint again (a client's, or one of
 * the refresh thread's), under a lease, so that a prober that dies does not keep it out. Silent
 * endpoints are at most half of a pool: packets that vanish may be the network's fault; refusing
 * ones go down to the last. Those that this process alone finds late (pending.h) are passed over
 * too, and count as silent.
 *
 * port is as in rotation.h. Any thread, any signal handler; no lock, no allocation. */
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

/* May there be any ejection at all? One load of shared memory. Never with LBDNS_EJECT=0. */
static inline bool ejection_any(uint64_t now_ms)
{
	uint64_t until_ms = load_relaxed(&shared()->ejected_until_ms);

	return __builtin_expect(until_ms > now_ms, 0) && config.eject_ms;
}

/* Which of these endpoints (sorted; read word by word, atomically) are passed over. */
void ejection_skips(const struct address *endpoints, uint32_t count, uint32_t port, uint64_t now_ms,
                    enum trial trial, struct skips *skips);

/* Does this outcome of a connect (errno) tell of the endpoint, not of this host? And was it silent?
 */
bool ejection_blames(int error);
bool ejection_is_silent(int error);

/* A connection failed so; LBDNS_EJECT=0: nothing happens. True if the endpoint was not ejected
 * before. */
bool ejection_failed(struct peer peer, int error, uint64_t now_ms);

/* A connection was made. */
void ejection_answered(struct peer peer, uint64_t now_ms);

/* For programs that look: until when an endpoint is passed over, 0 if it is not. If that is past,
 * it waits for a connection that tries it. */
uint64_t ejection_until(struct peer peer, uint64_t now_ms);

#endif

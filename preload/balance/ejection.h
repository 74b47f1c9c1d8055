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

#include "base/address.h"
#include "base/config.h"
#include "shared/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEALTH_EXCLUDED = 32 };

struct health_view {
	uint32_t excluded[HEALTH_EXCLUDED]; /* indexes of endpoints to pass over, ascending */
	uint32_t count, silent;
	int64_t probe;  /* the endpoint that the caller is to try again, or -1 */
	int64_t leased; /* the one that it is to have tried by the refresh thread, or -1 */
};

/* May there be any ejection at all? One load of shared memory. Never with LBDNS_EJECT=0. */
static inline bool health_any(uint64_t now_ms)
{
	uint64_t until_ms = atomic_load_explicit(&shared()->ejected_until_ms, memory_order_relaxed);

	return __builtin_expect(until_ms > now_ms, 0) && config.eject_ms;
}

/* Who tries an endpoint again whose time is up: nobody, the caller, who may be given the lease of
 * one, or the refresh thread (probe.h). */
enum health_trial { TRIAL_NONE, TRIAL_CALLER, TRIAL_THREAD };

/* Which of these endpoints (sorted; read word by word, atomically) are passed over. */
void health_look(const struct address *endpoints, uint32_t count, uint32_t port, uint64_t now_ms,
                 enum health_trial trial, struct health_view *view);

/* Passes over one more of these count endpoints for silence, if it may. */
void health_pass_over(struct health_view *view, uint32_t count, uint32_t index);

/* The endpoint that is the index-th of those not excluded. */
uint32_t health_map(const struct health_view *view, uint32_t index);

/* Does this outcome of a connect (errno) tell of the endpoint, not of this host? And was it silent?
 */
bool health_blames(int error);
bool health_is_silent(int error);

/* A connection failed so; LBDNS_EJECT=0: nothing happens. True if the endpoint was not ejected
 * before. */
bool health_failed(struct address address, uint32_t port, int error, uint64_t now_ms);

/* A connection was made. */
void health_succeeded(struct address address, uint32_t port, uint64_t now_ms);

/* For programs that look: until when an endpoint is passed over, 0 if it is not. If that is past,
 * it waits for a connection that tries it. */
uint64_t health_until(struct address address, uint32_t port, uint64_t now_ms);

#endif

/* Trials: endpoints that failed and that the refresh thread is asked to try again
 * (refresh/probe.h). Any thread, any signal handler, unless said otherwise. */
#ifndef LBDNS_BALANCE_TRIAL_H
#define LBDNS_BALANCE_TRIAL_H

#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* Who tries an endpoint again whose time is up: nobody, the caller, who may be given the lease of
 * one, or the refresh thread (refresh/probe.h). */
enum trial { TRIAL_NONE, TRIAL_CALLER, TRIAL_THREAD };

/* Returns true if the refresh thread can try endpoints, or is about to begin and may. Any signal
 * handler. */
bool trial_is_possible(void);

/* The caller has the lease of an endpoint: the refresh thread is to use it. False if it has too
 * much to do already. port is a stream socket's. Any signal handler. */
bool trial_request(struct peer peer);

/* ---- The refresh thread */

enum { TRIALS = 8 }; /* requests at the same time */

/* Takes the request at a place below TRIALS; returns false if there is none, or it was a parent's.
 */
bool trial_take(int place, struct peer *peer);

/* Says that this process's refresh thread cannot try endpoints until then (clock_ms); 0: it can. */
void trial_set_impossible(uint64_t until_ms);

#endif

/* How connections ended: counted, told to balance/ejection.h, and to the refresh thread, which asks
 * DNS at once if an endpoint is ejected. Whoever learns how a connection ended tells it here, and
 * nobody else.
 *
 * pool is an address_set_key, began_ms when the connect began (clock_ms). Any thread, any signal
 * handler; errno is kept. */
#ifndef LBDNS_LEARN_RESULT_H
#define LBDNS_LEARN_RESULT_H

#include "balance/ejection.h"
#include "balance/own.h"
#include "balance/pick.h"
#include "balance/walk.h"
#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* Records how a connect to the target of a pick ended; error is 0, for one that was answered, or an
 * errno. */
void result_note(const struct pick *pick, int error);

/* Records and logs how a connect to a peer ended. Does nothing if the peer is no endpoint of a name
 * that is to be rotated. */
void result_note_peer(struct peer peer, uint64_t pool, uint64_t began_ms, int error);

/* Counts and logs a connect to a peer as failed with error, before it has ended. */
void result_count(struct peer peer, int error);

/* Records what result_note_peer does, but for a connect that result_count has counted and logged.
 */
void result_note_counted(struct peer peer, uint64_t pool, uint64_t began_ms, int error);

/* Records that a connect to a peer has had no answer for longer than its limit, and may yet have
 * one. Does nothing where result_note_peer does nothing. */
void result_silent(struct peer peer, uint64_t began_ms);

/* Returns how long a connect to a peer may be without an answer before result_trial_silent is told.
 */
uint64_t result_limit_ms(struct peer peer);

/* Records that a trial of the refresh thread's (balance/trial.h) has had no answer for longer than
 * a connect's limit: what result_silent does, and has others of the pool tried. */
void result_trial_silent(struct peer peer, uint64_t began_ms);

/* Records that a connect of which result_silent was told still has no answer. */
void result_still_silent(struct peer peer);

/* Records that a connect of the refresh thread's own to a peer has had no answer for some time.
 * Returns true if another one is to be made now. */
bool result_check_silent(struct peer peer);

/* Returns for how long (ms) a connect of the refresh thread's own to a peer may have no answer
 * until it is silent. */
uint64_t result_check_ms(struct peer peer);

/* Records how a connect of the refresh thread's own to a peer ended, which is counted nowhere. */
void result_checked(struct peer peer, uint64_t began_ms, int error);

/* Finds the pool of a peer that is to be rotated, and to whose port somebody has connected. Returns
 * false if it is none. */
bool result_pool(struct peer peer, uint64_t *pool);

/* Returns true if a connect that failed says something of the endpoint. */
bool result_failure_matters(int error);

/* Returns true if anything depends on how a connect ended: a failure that says something of the
 * endpoint, or an answer while anything speaks against endpoints, for all or for this process
 * alone, or while a lookup is open, which it ends. now_ms (clock_ms) may be when the connect
 * began. */
static inline bool result_matters(int error, uint64_t now_ms)
{
	return error ? result_failure_matters(error)
	             : ejection_any(now_ms) || own_any(now_ms) || walk_any();
}

#endif

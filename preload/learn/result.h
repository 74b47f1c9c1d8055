/* How connections ended: counted, told to balance/ejection.h, and to the refresh thread, which asks
 * DNS at once if an endpoint is ejected.
 *
 * Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_LEARN_RESULT_H
#define LBDNS_LEARN_RESULT_H

#include "balance/ejection.h"
#include "balance/own.h"
#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* Records how a connect to an endpoint of a service ended; error is 0 or an errno. */
void result_note(uint32_t service, struct peer peer, int error);

/* Records and logs how a connect to a peer ended. Does nothing if the peer is no endpoint of a name
 * that is to be rotated. */
void result_note_peer(struct peer peer, int error);

/* Returns true if a connect that failed says something of the endpoint. */
bool result_failure_matters(int error);

/* Returns true if anything depends on how a connect ended: a failure that says something of the
 * endpoint, or a success while endpoints are ejected, by all or by this process alone. now_ms
 * (clock_ms) may be when the connect began. */
static inline bool result_matters(int error, uint64_t now_ms)
{
	return error ? result_failure_matters(error) : ejection_any(now_ms) || own_any(now_ms);
}

#endif

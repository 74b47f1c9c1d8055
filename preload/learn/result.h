/* How connections ended: told to health.h, and to the refresh thread, which asks DNS at once.
 *
 * Any thread, any signal handler; errno is kept. port is as in rotation.h, fd a stream socket. */
#ifndef LBDNS_LEARN_RESULT_H
#define LBDNS_LEARN_RESULT_H

#include "balance/ejection.h"
#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* A connect of a service's to an endpoint ended so; error is 0 or an errno. */
void result_note(uint32_t service, struct peer peer, int error);

/* The same where only the peer is known; nothing happens if it is no endpoint. */
void result_note_peer(struct peer peer, int error);

/* Does anything depend on how a connect ended: a failure that tells of the endpoint, or a success
 * while endpoints are passed over? Now (clock_ms) may be when it began. */
bool result_failure_matters(int error);

static inline bool result_matters(int error, uint64_t now_ms)
{
	return error ? result_failure_matters(error) : ejection_any(now_ms);
}

#endif

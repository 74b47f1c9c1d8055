/* How connections ended: told to health.h, and to the refresh thread, which asks DNS at once.
 *
 * Any thread, any signal handler; errno is kept. port is as in rotation.h, fd a stream socket. */
#ifndef LBDNS_LEARN_RESULT_H
#define LBDNS_LEARN_RESULT_H

#include "base/address.h"
#include "balance/ejection.h"

#include <stdbool.h>
#include <stdint.h>

/* A connect of a service's to an endpoint ended so; error is 0 or an errno. */
void outcome_note(uint32_t service, struct address address, uint32_t port, int error);

/* The same where only the peer is known; nothing happens if it is no endpoint. */
void outcome_note_peer(struct address address, uint32_t port, int error);

/* Does anything depend on how a connect ended: a failure that tells of the endpoint, or a success
 * while endpoints are passed over? Now (clock_ms) may be when it began. */
bool outcome_failure_matters(int error);

static inline bool outcome_matters(int error, uint64_t now_ms)
{
	return error ? outcome_failure_matters(error) : health_any(now_ms);
}

/* The refresh thread: looks at what has been pending for too long (pending.h). Returns when it
 * wants to look again, UINT64_MAX if nothing is pending. */
uint64_t outcome_watch(uint64_t now_ms);

#endif

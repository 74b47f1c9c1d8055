/* Trying endpoints again that failed, by the refresh thread, with connections of its own: a client
 * that does not block would fail by trying. Nothing is sent, and an endpoint is only tried when
 * its time is up (health.h) and a connection of the client's would have been the one to try it. */
#ifndef LBDNS_REFRESH_PROBE_H
#define LBDNS_REFRESH_PROBE_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Can the refresh thread try endpoints? Any signal handler. */
bool probe_is_possible(void);

/* The caller has the lease of an endpoint: the refresh thread is to use it. False if it has too
 * much to do already. port is a stream socket's. Any signal handler. */
bool probe_ask(struct address address, uint32_t port);

/* The refresh thread, when it starts: are the descriptors its own? The client must not meet ours.
 */
void probe_begin(bool own_descriptors);

/* The refresh thread: goes on with what it is trying. Returns when it wants to be called again,
 * UINT64_MAX if it is trying nothing. */
uint64_t probe_step(uint64_t now_ms);

#endif

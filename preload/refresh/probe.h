/* Trying endpoints again that failed, by the refresh thread, with connections of its own: a client
 * that does not block would fail by trying. Nothing is sent, and an endpoint is only tried when
 * its time is up (health.h) and a connection of the client's would have been the one to try it. */
#ifndef LBDNS_REFRESH_PROBE_H
#define LBDNS_REFRESH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* The refresh thread, when it starts: are the descriptors its own? The client must not meet ours.
 */
void probe_begin(bool own_descriptors);

/* The refresh thread: goes on with what it is trying. Returns when it wants to be called again,
 * UINT64_MAX if it is trying nothing. */
uint64_t probe_step(uint64_t now_ms);

#endif

/* Probes: the refresh thread tries endpoints again that failed, with connections of its own,
 * because a client that does not block would fail by trying. Nothing is sent, and an endpoint is
 * only tried when its time is up (balance/ejection.h) and a connection of the client's would have
 * been the one to try it. */
#ifndef LBDNS_REFRESH_PROBE_H
#define LBDNS_REFRESH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Begins, when the thread starts: own_descriptors if it has a table of its own (fd_table.h).
 * Without one nothing is tried, because the client must not meet our sockets. */
void probe_begin(bool own_descriptors);

/* Goes on with what is being tried. Returns when to call again (clock_ms); UINT64_MAX if nothing is
 * being tried. */
uint64_t probe_step(uint64_t now_ms);

#endif

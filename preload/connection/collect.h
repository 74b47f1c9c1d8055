/* How clients that do not block learn how their connect ended: by SO_ERROR. */
#ifndef LBDNS_CONNECTION_COLLECT_H
#define LBDNS_CONNECTION_COLLECT_H

#include "balance/inflight.h"
#include "base/attributes.h"

#include <stdatomic.h>
#include <stdint.h>

/* Learns from what getsockopt(2) has told a client of a socket, for SO_ERROR: 0 or an errno. errno
 * is kept. Any thread, any signal handler. */
void collect_error(int fd, int error);

/* Records how a connect under way on a socket has ended; error is 0 or an errno. */
void collect_ended(const struct inflight_view *view, int fd, int error);

/* Records that a socket of this process is to use Fast Open (TCP_FASTOPEN_CONNECT, tcp(7)): connect
 * may return 0 before anything is sent, and what the client sends tells how it ended. */
void collect_fastopen(void);

extern HIDDEN atomic_bool collect_has_fastopen; /* collect.c alone writes it */

/* Looks at a socket whose connect to an endpoint of a service, on a port, has returned 0. */
void collect_unsent(uint32_t service, uint32_t port, int fd);

#endif

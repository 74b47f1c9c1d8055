/* Connections that go where the client asked: left alone, observed, or not watched. Any thread, any
 * signal handler. Each returns what libc's connect returns, with errno. */
#ifndef LBDNS_CONNECTION_LEAVE_H
#define LBDNS_CONNECTION_LEAVE_H

#include "base/reason.h"
#include "connection/connection.h"
#include "directory/route.h"

#include <sys/socket.h>

/* Connects to an address that is in no pool. An exact name in LBDNS_NAMES is resolved now, for the
 * connections after this one: the client may look names up by itself. So is a name of which libc
 * named this address alone, a while ago. */
int leave_unknown(int fd, const struct sockaddr *address, socklen_t length);

/* Connects a socket that is not rotated, and counts why; a descriptor that is no socket is not
 * counted. */
int leave_untouched(const struct connection *c, const struct route *route, enum leave_reason why);

/* Makes the second connect of a non-blocking socket: it collects how the first one ended, and then
 * nobody can ask any more whom that was to. */
int leave_collecting(const struct connection *c, const struct route *route);

/* Connects by a pick that is not ours to watch: none, one that is observed, or a datagram socket's.
 */
int leave_unwatched(const struct connection *c);

#endif

/* One call of connect(2), from the client's arguments to its return value.
 *
 * The way of a connection (connection.c): read the sockaddr → may it be ours → route: within which
 * pool may it be sent → is the socket fresh → pick: whose turn → count → attempt → retry, if that
 * failed → ended: result, counters, log, errno. Connections that are left alone are leave.c's.
 *
 * Any thread, any signal handler; no lock, no allocation. */
#ifndef LBDNS_CONNECTION_CONNECTION_H
#define LBDNS_CONNECTION_CONNECTION_H

#include "balance/pick.h"
#include "base/peer.h"
#include "connection/attempt.h"
#include "shared/counters.h"

#include <sys/socket.h>

/* A local of connection.c's inlined body, so that its fields are in registers there; only
 * connection_retry and the log get a copy. */
struct connection {
	int fd; /* the client's, as are the next two; never changed */
	const struct sockaddr *address;
	socklen_t length;
	int saved_errno; /* the client's */
	struct peer asked;
	struct pick pick;
	struct tally *tally;    /* what is counted for the pick; NULL: nothing is */
	struct attempt attempt; /* the one under way */
};

/* Connects as connect(2) does, for the client, to the endpoint whose turn it is where the address
 * is one of a managed name. Returns what connect returns, with errno. */
int connection_make(int fd, const struct sockaddr *address, socklen_t length);

/* ---- For the other files of this room */

/* Goes on after the first attempt of a connection, which ended so: of one that blocks, if it
 * failed, was limited by the refresh thread, or took its time; of any other, if it failed at once.
 * Returns what connect returns. */
int connection_retry(struct connection c, int error);

#endif

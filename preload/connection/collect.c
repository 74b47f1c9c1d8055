#include "connection/collect.h"

#include "balance/inflight.h"
#include "base/clock.h"
#include "base/peer.h"
#include "base/socket.h"
#include "learn/result.h"

#include <errno.h>

#include "base/poison.h"

/* The error is only told once, and to the client. It may also ask while its connect is under way,
 * or about a connection that broke later. */
static void note(int fd, int error)
{
	int saved_errno = errno;
	struct peer peer;
	uint16_t port;

	if (socket_past(fd) == (error ? SOCKET_NEVER_CONNECTED : SOCKET_CONNECTED) &&
	    socket_peer(fd, &peer.address, &port)) {
		peer.port = port;
		result_note_peer(peer, error);
	}
	errno = saved_errno;
}

void collect_error(int fd, int error)
{
	bool reported = error && inflight_reported(fd, error);

	if (!error)
		inflight_polled_ok(fd);
	if (!reported && result_matters(error, clock_ms()))
		note(fd, error);
}

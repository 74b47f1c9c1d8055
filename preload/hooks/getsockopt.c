#include "hooks/hook.h"
#include "balance/inflight.h"
#include "base/address.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/socket.h"
#include "learn/result.h"

#include <errno.h>
#include <sys/socket.h>

/* How non-blocking clients ask how their connect ended. The error is only told once, and to them.
 * They may also ask while it is under way, or about a connection that broke later. */
static void note(int fd, int error)
{
	int saved_errno = errno;
	struct address peer;
	uint16_t port;

	if (socket_past(fd) == (error ? SOCKET_NEVER_CONNECTED : SOCKET_CONNECTED) &&
	    socket_peer(fd, &peer, &port))
		result_note_peer(peer, port, error);
	errno = saved_errno;
}

HOOK SELDOM int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	int status = libc()->getsockopt(fd, level, name, value, length);

	if (level == SOL_SOCKET && name == SO_ERROR && !status && *length == sizeof(int) &&
	    config.mode != MODE_OFF) {
		int error = *(int *)value;
		bool told = error && inflight_reported(fd, error);

		if (!error)
			inflight_polled_ok(fd);
		if (!told && result_matters(error, clock_ms()))
			note(fd, error);
	}
	return status;
}

#include "connection/leave.h"

#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/report.h"
#include "directory/service.h"
#include "learn/listed.h"
#include "learn/result.h"
#include "refresh/thread.h"
#include "shared/counters.h"

#include <errno.h>

#include "base/poison.h"

SELDOM int leave_unknown(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address asked;
	uint16_t port;

	if (listed_wanted() && address_from_sockaddr(address, length, &asked, &port) &&
	    address_is_private(asked) && socket_state(fd) == SOCKET_FRESH_STREAM)
		thread_nudge(UINT64_MAX, 0);
	return libc()->connect(fd, address, length);
}

int leave_untouched(const struct connection *c, const struct route *route, enum leave_reason why)
{
	int status = libc()->connect(c->fd, c->address, c->length);
	uint32_t service;

	if ((!status || (errno != EBADF && errno != ENOTSOCK)) && route_service(route, &service))
		counters_passed(service_name_hash(service), why);
	return status;
}

int leave_collecting(const struct connection *c, const struct route *route)
{
	struct peer peer = {.port = 0};
	uint16_t port;
	bool known = socket_peer(c->fd, &peer.address, &port);
	int status = leave_untouched(c, route, LEAVE_SOCKET);

	peer.port = port;
	if (status && known && !inflight_reported(c->fd, errno))
		result_note_peer(peer, errno);
	return status;
}

SELDOM int leave_unwatched(const struct connection *c)
{
	const struct pick *pick = &c->pick;
	bool acts = pick->kind != PICK_LEAVE && pick->mode == MODE_ON;
	bool differs = pick->kind == PICK_OTHER;
	struct peer target = acts ? pick->target : c->asked;

	if (pick->kind == PICK_LEAVE)
		counters_passed(pick->name, pick->why);
	else
		counters_connected(
			counters_tally(pick->name, target.address, target.port, pick->picked_ms),
			acts && differs);
	if (differs && !acts)
		counters_passed(pick->name, LEAVE_OBSERVED);
	if (log_wants(LOG_DEBUG))
		report_unwatched(c);
	if (acts && differs)
		return attempt_connect(c->fd, c->address, c->length, target.address);
	return libc()->connect(c->fd, c->address, c->length);
}

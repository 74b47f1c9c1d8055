#include "connection/leave.h"

#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/collect.h"
#include "connection/report.h"
#include "directory/service.h"
#include "directory/singles.h"
#include "learn/listed.h"
#include "learn/result.h"
#include "refresh/thread.h"
#include "shared/counters.h"

#include <errno.h>

#include "base/poison.h"

/* Has DNS asked for what a connect to an address that is in no pool tells of: the exact names of
 * LBDNS_NAMES, a name of one address. */
static SELDOM void ask_for_unknown(int fd, bool is_single)
{
	if ((is_single || listed_wanted()) && socket_state(fd) == SOCKET_FRESH_STREAM)
		thread_nudge(UINT64_MAX, 0);
}

static bool is_single(struct address asked)
{
	return singles_any() && singles_connected(asked);
}

int leave_unknown(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address asked;
	uint16_t port;

	if (address_from_sockaddr(address, length, &asked, &port) && address_is_private(asked)) {
		bool single = is_single(asked);

		if (single || config.listed)
			ask_for_unknown(fd, single);
	}
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

/* EISCONN, or 0 once the connection is made: connect(2) of a socket that connects (POSIX). */
SELDOM int leave_collecting(const struct connection *c, const struct route *route)
{
	struct inflight_view view;
	struct inflight *inflight = inflight_find(c->fd, &view);
	int status = leave_untouched(c, route, LEAVE_SOCKET);
	int error = status ? errno : 0;

	if (!inflight || error == EALREADY || error == EINPROGRESS)
		return status;
	inflight_forget(inflight, view.since_ms);
	if (error == EISCONN)
		error = 0;
	if (result_matters(error, clock_ms()) && (error || socket_past(c->fd) == SOCKET_CONNECTED))
		collect_ended(&view, c->fd, error);
	return status;
}

SELDOM int leave_unwatched(const struct connection *c)
{
	const struct pick *pick = &c->pick;
	bool acts = pick->kind != PICK_LEAVE && pick->mode == MODE_ON;
	bool differs = pick->kind == PICK_OTHER;
	struct peer target = acts ? pick->target : c->asked;

	if (pick->kind == PICK_LEAVE) {
		counters_passed(pick->name, pick->why);
		/* Of a name whose one address is that of another one, which is known already. */
		if (is_single(c->asked.address))
			ask_for_unknown(c->fd, true);
	} else {
		counters_connected(
			counters_tally(pick->name, target.address, target.port, pick->picked_ms),
			acts && differs);
	}
	if (differs && !acts)
		counters_passed(pick->name, LEAVE_OBSERVED);
	if (log_wants(LOG_DEBUG))
		report_unwatched(c);
	if (acts && differs)
		return attempt_connect(c->fd, c->address, c->length, target.address);
	return libc()->connect(c->fd, c->address, c->length);
}

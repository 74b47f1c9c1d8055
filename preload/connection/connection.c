#include "connection/connection.h"

#include "balance/inflight.h"
#include "balance/own.h"
#include "balance/pick_fast.h"
#include "balance/trial.h"
#include "balance/walk.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/blocking.h"
#include "connection/collect.h"
#include "connection/leave.h"
#include "connection/report.h"
#include "directory/route.h"
#include "directory/service.h"
#include "directory/singles.h"
#include "directory/unseen.h"
#include "learn/result.h"
#include "refresh/thread.h"
#include "shared/counters_fast.h"

#include <errno.h>

#include "base/poison.h"

/* ---- Ended */

/* Records how a connect ended. Where something speaks against endpoints every answer counts, but
 * not that of a connect which has sent nothing yet (TCP_FASTOPEN_CONNECT, tcp(7)). */
static SELDOM void note_result(struct pick pick, int fd, int error)
{
	if (error ? !result_failure_matters(error) : socket_past(fd) != SOCKET_CONNECTED)
		return;
	if (!error)
		pick.picked_ms = socket_began_ms(fd, pick.picked_ms);
	result_note(&pick, error);
}

static SELDOM void report(struct connection c, int error)
{
	report_ended(&c, NULL, 0, error);
}

/* Ends a connection: notes a rewrite for people to see, logs. errno is as libc left it. */
FAST int end(const struct connection *c, int error)
{
	if (c->pick.kind == PICK_OTHER)
		counters_rewritten_fast(c->tally, c->asked.address, c->pick.picked_ms, error);
	if (__builtin_expect(log_wants(LOG_INFO), 0))
		report(*c, error);
	return error ? -1 : 0;
}

/* ---- From the pick on */

/* The body of every connection that goes to an endpoint: count, attempt, retry, ended. Inlined, so
 * that *c is a local of the caller, and in registers where nothing takes its address:
 * connection_retry and report get a copy, which is made in that branch alone. */
FAST int go(struct connection *c)
{
	const struct pick *pick = &c->pick;
	bool rewritten = pick->kind == PICK_OTHER, begun = false;
	int *own_errno, error = 0;

	c->tally = counters_tally_fast(pick->name, pick->target.address, pick->target.port,
	                               pick->picked_ms);
	counters_connected_fast(c->tally, rewritten);
	own_errno = &errno; /* unique for each thread, and computed once */
	c->saved_errno = *own_errno;
	if (config.attempts > 1 && pick->has_others)
		begun = attempt_begin(&c->attempt, c->fd, pick, own_errno);

	/* A lookup came by libc() before there was a pool. */
	if (rewritten ? attempt_connect(c->fd, c->address, c->length, pick->target.address)
	              : libc_real.connect(c->fd, c->address, c->length))
		error = *own_errno;
	if (pick->has_skips && walk_any())
		walk_returned((uintptr_t)own_errno, pick->target, error);

	if (begun) {
		attempt_end(&c->attempt, error);
		if (!attempt_is_good(&c->attempt, c->fd, error))
			return connection_retry(*c, error);
	}
	if (error == EINPROGRESS && begun)
		inflight_quick(pick->picked_ms);
	else if (error == EINPROGRESS)
		inflight_add(c->fd, pick->target, pick->key, pick->picked_ms);
	else if (error && (own_blames(error) || (pick->has_others && ejection_blames(error))))
		return connection_retry(*c, error);
	else if (error != EINPROGRESS && (error || (pick->has_skips && skips_any(pick->picked_ms))))
		note_result(*pick, c->fd, error);
	if (pick->has_skips && !error && load_relaxed(&collect_has_fastopen))
		collect_unsent(pick->service, pick->target.port, c->fd);
	return end(c, error);
}

/* ---- Up to the pick */

/* Begins a connection, field by field: what is set at once is kept in memory. */
FAST void connection_begin(struct connection *c, int fd, const struct sockaddr *address,
                           socklen_t length, struct peer asked)
{
	c->fd = fd;
	c->address = address;
	c->length = length;
	c->asked = asked;
	c->attempt.inflight = NULL;
	c->attempt.limited_by_thread = false;
	c->attempt.client_syn_count = 0;
}

/* Has a refresh that is overdue done now, because a client uses the pool. */
static void nudge(uint32_t service)
{
	uint64_t interval_ms;

	if (service >= SERVICES)
		return;
	interval_ms =
		atomic_load_explicit(&service_state[service].interval_ms, memory_order_relaxed);
	thread_nudge(service_age_ms(service, clock_ms()), interval_ms);
}

/* Connects where the fast path does not. A function of its own, and a tail call, so that
 * connections on the fast path do not pay for its stack frame. */
static APART int make_general(int fd, const struct sockaddr *address, socklen_t length,
                              struct address asked, uint32_t port)
{
	struct connection c;
	enum socket_state state;
	struct route route;

	connection_begin(&c, fd, address, length, (struct peer){asked, port});
	if (!route_find(asked, &route) || unseen_any())
		return leave_unknown(fd, address, length);
	inflight_has_company(
		&errno); /* here, and not each time: all threads come by now and then */
	state = socket_state(fd);
	if (state == SOCKET_FRESH_STREAM)
		attempt_meet(fd);
	if (state == SOCKET_ENDED || state == SOCKET_USED)
		return leave_collecting(&c, &route);
	if (state != SOCKET_FRESH_STREAM && state != SOCKET_FRESH_DATAGRAM)
		return leave_untouched(&c, &route,
		                       state == SOCKET_OTHER ? LEAVE_DATAGRAM : LEAVE_SOCKET);
	if (state == SOCKET_FRESH_DATAGRAM)
		c.asked.port |= PEER_DATAGRAM;
	pick_connect(&route, c.asked, trial_is_possible() ? TRIAL_THREAD : TRIAL_CALLER, &errno,
	             &c.pick);
	nudge(c.pick.service);
	if (c.pick.kind == PICK_LEAVE || c.pick.mode != MODE_ON || state != SOCKET_FRESH_STREAM)
		return leave_unwatched(&c);
	return go(&c);
}

/* Returns true while there are answers that were not taken in, open lookups, or sockets with Fast
 * Open. */
static inline bool is_special(void)
{
	return unseen_any() || walk_any() || load_relaxed(&collect_has_fastopen);
}

/* Connects to an address that may be an endpoint. A function of its own, so that connections to
 * other addresses do not pay for its stack frame; they may run in a signal handler. */
static APART int make(int fd, const struct sockaddr *address, socklen_t length,
                      struct address asked, uint32_t port)
{
	struct connection c;
	struct route_fast route;

	connection_begin(&c, fd, address, length, (struct peer){asked, port});
	if (!route_fast(asked, port, &route) || is_special() || !socket_is_fresh(fd) ||
	    !pick_fast(&route, c.asked, &c.pick))
		return make_general(fd, address, length, asked, port);
	return go(&c);
}

int connection_make(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address asked;
	uint16_t port;

	/* The kernel takes no longer address than that; it is to say so itself. */
	if (config.connect && length <= sizeof(struct sockaddr_storage) &&
	    address_from_sockaddr(address, length, &asked, &port)) {
		if (route_may_exist(asked))
			return make(fd, address, length, asked, port);
		if (config.listed || singles_any())
			return leave_unknown(fd, address, length);
	}
	return libc()->connect(fd, address, length);
}

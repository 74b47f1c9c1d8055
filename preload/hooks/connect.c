#include "hooks/hook.h"
#include "balance/inflight.h"
#include "balance/pick.h"
#include "balance/pick_fast.h"
#include "balance/rotation.h"
#include "balance/trial.h"
#include "base/reason.h"
#include "base/address.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/blocking.h"
#include "connection/report.h"
#include "connection/retry.h"
#include "directory/route.h"
#include "directory/service.h"
#include "hooks/getaddrinfo_a.h"
#include "learn/listed.h"
#include "learn/result.h"
#include "refresh/thread.h"
#include "shared/counters_fast.h"
#include "shared/segment.h"

#include <errno.h>

/* A client that looked the name up by itself: an exact name in LBDNS_NAMES is resolved now, for the
 * connections after this one. */
static __attribute__((noinline)) int connect_unknown(int fd, const struct sockaddr *address,
                                                     socklen_t length)
{
	struct address asked;
	uint16_t port;

	if (listed_wanted() && address_from_sockaddr(address, length, &asked, &port) &&
	    address_is_private(asked) && socket_state(fd) == SOCKET_FRESH_STREAM)
		thread_nudge(UINT64_MAX, 0);
	return libc()->connect(fd, address, length);
}

/* Left alone, whoever is asked for. A descriptor that is no socket is not counted. */
static __attribute__((noinline)) int connect_left(int fd, const struct sockaddr *address,
                                                  socklen_t length, uint64_t sequence,
                                                  int64_t endpoint, enum leave_reason why)
{
	struct route route = {.sequence = sequence, .endpoint = endpoint};
	int status = libc()->connect(fd, address, length);
	uint32_t service;

	if ((!status || (errno != EBADF && errno != ENOTSOCK)) && route_service(&route, &service))
		counters_passed(service_name_hash(service), why);
	return status;
}

/* The second connect of a non-blocking socket collects how the first one ended, and then nobody can
 * ask any more whom it was to. */
static __attribute__((noinline)) int connect_collect(int fd, const struct sockaddr *address,
                                                     socklen_t length, uint64_t sequence,
                                                     int64_t endpoint)
{
	struct address peer;
	uint16_t port;
	bool known = socket_peer(fd, &peer, &port);
	int status = connect_left(fd, address, length, sequence, endpoint, LEAVE_SOCKET);

	if (status && known && !inflight_reported(fd, errno))
		result_note_peer(peer, port, errno);
	return status;
}

/* A connection that is not ours to watch: left alone, observed, or a datagram socket's. */
static __attribute__((noinline)) int connect_plain(int fd, const struct sockaddr *address,
                                                   socklen_t length, uint16_t port, bool datagram,
                                                   struct address asked, const struct pick *picked)
{
	bool rotates = picked->what != PICK_NONE && picked->mode == MODE_ON;
	bool changes = picked->what == PICK_OTHER;

	if (picked->what == PICK_NONE)
		counters_passed(picked->name, picked->why);
	else
		counters_connected_fast(
			counters_tally_fast(picked->name, rotates ? picked->target : asked,
		                            datagram ? port | ROTATION_DATAGRAM : port,
		                            picked->now_ms),
			rotates && changes);
	if (changes && !rotates)
		counters_passed(picked->name, LEAVE_OBSERVED);
	if (log_wants(LOG_DEBUG))
		connect_log_plain(picked, asked, port);
	if (rotates && changes)
		return connect_to(fd, address, length, picked->target);
	return libc()->connect(fd, address, length);
}

/* Whatever is not as usual. */
static __attribute__((noinline)) int connect_unusual(int fd, const struct sockaddr *address,
                                                     socklen_t length, struct address asked,
                                                     uint16_t port)
{
	struct route route;
	struct pick picked;
	enum socket_state state;

	if (!route_find(asked, &route) || getaddrinfo_a_unseen())
		return connect_unknown(fd, address, length);
	inflight_has_company(
		&errno); /* here, and not each time: all threads come by now and then */
	state = socket_state(fd);
	if (state == SOCKET_ENDED)
		return connect_collect(fd, address, length, route.sequence, route.endpoint);
	if (state != SOCKET_FRESH_STREAM && state != SOCKET_FRESH_DATAGRAM)
		return connect_left(fd, address, length, route.sequence, route.endpoint,
		                    state == SOCKET_OTHER ? LEAVE_DATAGRAM : LEAVE_SOCKET);
	pick_endpoint(&route, state == SOCKET_FRESH_DATAGRAM ? port | ROTATION_DATAGRAM : port,
	              blocking_is_unlikely() && trial_is_possible() ? TRIAL_THREAD : TRIAL_CALLER,
	              &picked);
	if (picked.age_ms > picked.interval_ms)
		thread_nudge(picked.age_ms, picked.interval_ms);
	if (picked.what == PICK_NONE || picked.mode != MODE_ON || state != SOCKET_FRESH_STREAM)
		return connect_plain(fd, address, length, port, state == SOCKET_FRESH_DATAGRAM,
		                     asked, &picked);
	return connect_retry(fd, address, length, &route, port, &picked);
}

/* As pick_endpoint would have said it. */
static struct pick usual_picked(const struct pick_fast *usual, struct address asked,
                                struct address target)
{
	return (struct pick){
		.what = address_equal(target, asked) ? PICK_ASKED : PICK_OTHER,
		.target = target,
		.service = usual->pool.service,
		.may_retry = usual->pool.count > 1,
		.key = usual->pool.key,
		.mode = MODE_ON,
		.name = pick_fast_name(usual),
		.now_ms = usual->now_ms,
	};
}

/* What has failed at first, or took its time. */
static __attribute__((noinline, cold)) int
connect_on(int fd, const struct sockaddr *address, socklen_t length, struct address asked,
           uint16_t port, struct address target, const struct pick_fast *usual,
           const struct connect_first *first, int error, int saved_errno)
{
	struct pick picked = usual_picked(usual, asked, target);

	error = connect_retry_after(fd, address, length, asked, port, &picked, first, error);
	errno = error ? error : saved_errno;
	return error ? -1 : 0;
}

/* errno is kept. */
static __attribute__((noinline, cold)) void log_ended(struct address asked, uint16_t port,
                                                      struct address target,
                                                      const struct pick_fast *usual, int error)
{
	struct pick picked = usual_picked(usual, asked, target);

	connect_log_ended(&picked, asked, port, NULL, 0, error);
}

/* errno is kept. */
static __attribute__((noinline, cold)) void note_failed(uint32_t service, struct address target,
                                                        uint16_t port, int error)
{
	if (result_failure_matters(error))
		result_note(service, target, port, error);
}

/* To an address that we may have to do with. Apart from the way of all others, and a tail call:
 * signal handlers may have little stack. What a call by reference gets is made where it is needed:
 * the rest is to stay in registers. */
static __attribute__((noinline)) int connect_known(int fd, const struct sockaddr *address,
                                                   socklen_t length, struct address asked,
                                                   uint16_t port)
{
	struct pick_fast usual;
	struct connect_first first = {.syn_count = 0};
	struct address target;
	enum blocking blocking = BLOCKING_NO;
	struct tally *tally;
	bool rewritten;
	int *own_errno, saved_errno, error = 0;

	if (!pick_fast(asked, &usual) || getaddrinfo_a_unseen() || !socket_is_fresh(fd) ||
	    !pick_fast_take(&usual, port, &target))
		return connect_unusual(fd, address, length, asked, port);

	rewritten = !address_equal(target, asked);
	tally = counters_tally_fast(pick_fast_name(&usual), target, port, usual.now_ms);
	counters_connected_fast(tally, rewritten);
	if (config.attempts > 1 && usual.pool.count > 1)
		blocking = blocking_guess(fd);
	own_errno = &errno;
	saved_errno = *own_errno;
	if (blocking == BLOCKING_YES)
		first = connect_first_begins(fd, target, port, usual.now_ms,
		                             !inflight_has_company(own_errno));

	if (rewritten ? connect_to(fd, address, length, target)
	              : libc()->connect(fd, address, length))
		error = *own_errno;

	if (blocking == BLOCKING_YES) {
		if (!connect_first_is_good(&first, fd, usual.now_ms, error)) {
			struct pick_fast before = usual;
			struct connect_first attempt = first;

			return connect_on(fd, address, length, asked, port, target, &before,
			                  &attempt, error, saved_errno);
		}
	} else if (error == EINPROGRESS) {
		inflight_add(fd, target, port, usual.now_ms);
	} else if (__builtin_expect(error, 0)) {
		note_failed(usual.pool.service, target, port, error);
	}
	if (blocking == BLOCKING_TRUSTED_NOT)
		blocking_trusted(fd, error);
	if (rewritten)
		counters_recent_fast(tally, asked, usual.now_ms, error);
	if (__builtin_expect(log_wants(LOG_INFO), 0)) {
		struct pick_fast logged = usual;

		log_ended(asked, port, target, &logged, error);
	}
	return error ? -1 : 0;
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address asked;
	uint16_t port;

	/* The kernel takes no longer address than that; it is to say so itself. */
	if (config.mode != MODE_OFF && config.connect &&
	    length <= sizeof(struct sockaddr_storage) &&
	    address_from_sockaddr(address, length, &asked, &port)) {
		if (route_may_exist(asked))
			return connect_known(fd, address, length, asked, port);
		if (config.listed)
			return connect_unknown(fd, address, length);
	}
	return libc()->connect(fd, address, length);
}

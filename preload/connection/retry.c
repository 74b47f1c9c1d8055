#include "connection/connection.h"

#include "balance/ejection.h"
#include "balance/rotation.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/blocking.h"
#include "connection/report.h"
#include "learn/result.h"

#include <errno.h>
#include <sys/time.h>

#include "base/poison.h"

enum {
	ATTEMPTS_LIMIT = 10,
	TIME_LEAST_MS = 20 /* of SO_SNDTIMEO, for another attempt */
};

/* A connection that may go on elsewhere. */
struct retry {
	struct connection *c;
	uint64_t began_ms;
	uint64_t cookie;             /* of the socket (SO_COOKIE, Linux 4.12); 0: not known */
	struct timeval send_timeout; /* the client's, once an attempt failed; all zero: none */
	struct address *tried;       /* room for ATTEMPTS_LIMIT, once an attempt failed */
	uint32_t tried_count;
};

static long get_option(int fd, int level, int name, void *value, socklen_t length)
{
	return kernel_get_option(fd, level, name, value, &length);
}

/* ---- What the socket is */

/* Reads what a socket is bound to, by the client or by the kernel; returns false if it does not
 * say. */
static bool own_address(int fd, struct address *address, uint16_t *port)
{
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);

	return !kernel_call(SYS_getsockname, fd, &own, &length) &&
	       address_from_sockaddr((struct sockaddr *)&own, length, address, port);
}

/* Returns true if the client bound the socket to an address of its own, which may not be fit for
 * another endpoint. */
static bool is_bound(int fd)
{
	struct address address;
	uint16_t port;

	/* neither :: nor 0.0.0.0 */
	return !own_address(fd, &address, &port) || address.high || (uint32_t)address.low;
}

/* Returns true if the socket has a local port; after a failure it still has the one that the kernel
 * gave it. */
static bool has_port(int fd)
{
	struct address address;
	uint16_t port;

	return own_address(fd, &address, &port) && port;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;

	get_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof(cookie));
	return cookie;
}

/* Has another thread closed our socket while connect() waited, and does its number now name another
 * socket? If so, that one must not be connected, nor its options changed. The two are told apart,
 * cheapest first:
 *
 * (1) by SO_COOKIE, which is read once an attempt has failed;
 * (2) before that, by TCP_SYNCNT, if we, the refresh thread or the client set it to
 * LIMITED_SYN_COUNT; (3) else by the local port, which a socket keeps after a failed connect.
 *
 * (2) can be wrong if the other thread also has a connection of ours on that number. */
static bool is_gone(const struct retry *retry, bool failed)
{
	const struct attempt *attempt = &retry->c->attempt;
	int fd = retry->c->fd, syn_count;

	if (clock_since(retry->began_ms, clock_ms()) < ATTEMPT_AWHILE_MS)
		return false;
	if (retry->cookie)
		return cookie_of(fd) != retry->cookie;
	if (retry->tried_count && !attempt->client_syn_count)
		return false; /* the client's count again; no cookies before Linux 4.12 */
	if (attempt->limited_by_thread && !attempt->client_syn_count)
		return failed && (!has_port(fd) || socket_state(fd) == SOCKET_USED);
	return attempt_get_syn_count(fd, &syn_count) || syn_count != LIMITED_SYN_COUNT ||
	       (failed && socket_state(fd) == SOCKET_USED);
}

static void restore_syn_count(struct retry *retry)
{
	if (retry->c->attempt.client_syn_count)
		attempt_set_syn_count(retry->c->fd, retry->c->attempt.client_syn_count);
	retry->c->attempt.client_syn_count = 0;
}

/* ---- What the client allows */

/* Returns false if the time of SO_SNDTIMEO is over; else what is left of it is all that the next
 * attempt may take. */
static bool has_time(struct retry *retry)
{
	const struct timeval *client = &retry->send_timeout;
	uint64_t total_ms, elapsed_ms = clock_since(retry->began_ms, clock_ms());
	struct timeval left;

	/* Once, because later it is what we made of it. */
	if (retry->tried_count == 1 &&
	    get_option(retry->c->fd, SOL_SOCKET, SO_SNDTIMEO, &retry->send_timeout,
	               sizeof(retry->send_timeout)))
		return false;
	total_ms = (uint64_t)client->tv_sec * 1000 + (uint64_t)client->tv_usec / 1000;
	if (!total_ms)
		return true;
	if (elapsed_ms + TIME_LEAST_MS >= total_ms)
		return false;
	total_ms -= elapsed_ms;
	left.tv_sec = (time_t)(total_ms / 1000);
	left.tv_usec = (suseconds_t)(total_ms % 1000) * 1000;
	kernel_set_option(retry->c->fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
	return true;
}

/* ---- Where to go next */

static bool was_tried(const struct retry *retry, struct address address)
{
	for (uint32_t i = 0; i < retry->tried_count; i++)
		if (address_equal(retry->tried[i], address))
			return true;
	return false;
}

static void note_tried(struct retry *retry)
{
	retry->tried[retry->tried_count++ % ATTEMPTS_LIMIT] = retry->c->pick.target.address;
}

/* Picks an endpoint that was not tried yet, and none that failed before, because the client has
 * waited enough. Each pick takes a turn, so whoever comes next goes on from there. */
static bool pick_another(struct retry *retry)
{
	struct connection *c = retry->c;
	/* pick_endpoint finds out by sequence 0 that it has to look for the route. */
	struct route route = {.asked = c->asked.address, .hash = address_hash(c->asked.address)};

	for (uint32_t i = 0; i <= retry->tried_count; i++) {
		c->pick = pick_endpoint(&route, c->asked, TRIAL_NONE);
		if (c->pick.kind == PICK_LEAVE || !c->pick.has_others)
			return false;
		if (!was_tried(retry, c->pick.target.address))
			return true;
	}
	return false;
}

static bool goes_elsewhere(struct retry *retry)
{
	struct connection *c = retry->c;

	return retry->tried_count < config.attempts && !is_bound(c->fd) &&
	       rotation_may_retry(c->pick.key, c->asked.port) && pick_another(retry);
}

/* ---- Attempts */

static void note_attempt(const struct connection *c, int error)
{
	if (!connect_goes_on(error) && result_matters(error, c->pick.picked_ms))
		result_note(&c->pick, error);
}

/* Makes an attempt that is not the first one. It is noted as under way before, because other
 * threads are to see that it does not return. Returns 0 or an errno. */
static int try_again(struct connection *c)
{
	struct inflight *inflight = inflight_begin(c->fd, c->pick.target, c->pick.key,
	                                           c->pick.picked_ms, INFLIGHT_WAITS);
	int status = c->pick.kind == PICK_ASKED ? libc()->connect(c->fd, c->address, c->length)
	                                        : attempt_connect(c->fd, c->address, c->length,
	                                                          c->pick.target.address);
	int error = status ? errno : 0;

	inflight_end(inflight, error);
	note_attempt(c, error);
	return error;
}

/* Goes on after a first attempt that failed. Returns the error of the last attempt, 0 if the
 * connection is made. */
static SELDOM int try_others(struct retry *retry, int error)
{
	struct address tried[ATTEMPTS_LIMIT];
	struct connection *c = retry->c;

	retry->tried = tried;
	retry->cookie = cookie_of(c->fd);
	note_tried(retry);
	while (ejection_blames(error) && !is_gone(retry, true) && has_time(retry)) {
		struct pick before = c->pick;
		bool was_limited = c->attempt.client_syn_count && error == ETIMEDOUT;
		bool elsewhere = goes_elsewhere(retry);

		if (!elsewhere && !was_limited)
			break; /* it took what the client allows, and there is nowhere else to go */
		if (!elsewhere)
			c->pick = before; /* limited by us: wait on as the client would */
		else
			counters_retried(c->pick.name, c->pick.target.address, c->pick.target.port,
			                 c->pick.picked_ms);
		if (!elsewhere || retry->tried_count + 1 >= config.attempts)
			restore_syn_count(retry);
		else if (!c->attempt.client_syn_count)
			c->attempt.client_syn_count = attempt_limit(c->fd);
		else /* the refresh thread may have been late to see that the first one ended */
			attempt_set_syn_count(c->fd, LIMITED_SYN_COUNT);
		error = try_again(c);
		note_tried(retry);
		if (!elsewhere)
			break;
	}
	if (log_wants(LOG_INFO))
		report_ended(c, tried, retry->tried_count - 1, error);
	retry->tried = NULL;
	return error;
}

/* A socket that was only taken for one that blocks is not tried again. Returns the error of the
 * last attempt. */
static int finish(struct retry *retry, int error)
{
	struct connection *c = retry->c;

	if (error && (error == EINPROGRESS || ejection_blames(error)) &&
	    !is_gone(retry, error != EINPROGRESS) && blocking_ask(c->fd) && ejection_blames(error))
		error = try_others(retry, error);
	else if (log_wants(LOG_INFO))
		report_ended(c, NULL, 0, error);
	if (is_gone(retry, error && !connect_goes_on(error)))
		return error;
	restore_syn_count(retry);
	if (retry->send_timeout.tv_sec || retry->send_timeout.tv_usec)
		kernel_set_option(c->fd, SOL_SOCKET, SO_SNDTIMEO, &retry->send_timeout,
		                  sizeof(retry->send_timeout));
	return error;
}

SELDOM int connection_retry(struct connection c, int error)
{
	struct retry retry = {.c = &c, .began_ms = c.pick.picked_ms};

	note_attempt(&c, error);
	error = finish(&retry, error);
	if (c.pick.kind == PICK_OTHER)
		counters_rewritten(counters_tally(c.pick.name, c.pick.target.address,
		                                  c.pick.target.port, c.pick.picked_ms),
		                   c.asked.address, c.pick.picked_ms, error);
	errno = error ? error : c.saved_errno;
	return error ? -1 : 0;
}

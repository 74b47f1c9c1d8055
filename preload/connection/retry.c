#include "connection/connection.h"

#include "balance/ejection.h"
#include "balance/own.h"
#include "balance/rotation.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/allowed.h"
#include "connection/blocking.h"
#include "connection/report.h"
#include "directory/service.h"
#include "learn/result.h"

#include <errno.h>

#include "base/poison.h"

enum {
	ELSEWHERE_MOST = 10, /* attempts, of all kinds, until there is nowhere else to go */
	TRIED_MOST = ELSEWHERE_MOST + 2, /* the address asked for, and one endpoint again */
	CUT_BLAMES_MS = 1250, /* the SYN was repeated (after 1 s), and there was time to answer */
	AWHILE_MS = 20 /* after which a thread may have closed the socket while connect waited */
};

/* A connection that may go on elsewhere. */
struct retry {
	struct connection *c;
	uint64_t began_ms;
	uint64_t cookie;        /* of the socket (SO_COOKIE, Linux 4.12); 0: not known */
	struct allowed allowed; /* of a socket that blocks */
	struct address *tried;  /* room for TRIED_MOST, once an attempt failed */
	uint32_t tried_count;
	uint32_t failures; /* attempts that failed otherwise than for what this process cannot */
	int asked_error;   /* of the attempt at the address asked for; 0: none was made */
	bool blocks;       /* the socket does */
	bool is_multipath; /* Multipath TCP, not bound by the client */
	bool is_limited;   /* we have limited the time of the last attempt */
	bool is_fixed;     /* bound by the client: it may not be fit for another endpoint */
	bool is_left;      /* the last pick left the connection where its client asked: no pool */
};

/* ---- What the socket is */

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	kernel_get_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
	return cookie;
}

/* Has another thread closed our socket while connect() waited, and does its number now name another
 * socket? If so, that one must not be connected, nor its options changed. The two are told apart,
 * cheapest first:
 *
 * (1) by SO_COOKIE, which is read once an attempt has failed;
 * (2) before that, by TCP_SYNCNT, if we, the refresh thread or the client set it to
 *     LIMITED_SYN_COUNT, or by SO_SNDTIMEO, if we set it to MULTIPATH_MS;
 * (3) else by the local port, which a socket keeps after a failed connect; where this process
 * cannot (own_blames), connect has sent nothing and did not wait, and neither has the socket.
 *
 * (2) can be wrong if the other thread also has a connection of ours on that number, (3) if it has
 * just made that socket, while a router refused ours. error is of the attempt; 0: it has not
 * failed.
 */
static bool is_gone(const struct retry *retry, int error)
{
	const struct attempt *attempt = &retry->c->attempt;
	bool failed = error && !connect_goes_on(error);
	int fd = retry->c->fd, syn_count;

	if (clock_since(retry->began_ms, clock_ms()) < AWHILE_MS)
		return false;
	if (retry->cookie)
		return cookie_of(fd) != retry->cookie;
	if (own_blames(error) && socket_state(fd) == SOCKET_FRESH_STREAM)
		return false;
	if (retry->tried_count && !attempt->client_syn_count)
		return false; /* the client's count again; no cookies before Linux 4.12 */
	if (retry->is_multipath)
		return !attempt_is_multipath_limited(fd);
	if (attempt->limited_by_thread && !attempt->client_syn_count)
		return failed &&
		       (!(attempt_bound(fd) & BOUND_PORT) || socket_state(fd) == SOCKET_USED);
	return attempt_get_syn_count(fd, &syn_count) || syn_count != LIMITED_SYN_COUNT ||
	       (failed && socket_state(fd) == SOCKET_USED);
}

/* Returns true if the client bound the socket, which failed with error at first: to an address, or,
 * where nothing was sent, to a port, because the kernel has not given it one then. */
static bool is_bound(const struct retry *retry, int error)
{
	unsigned bound = attempt_bound(retry->c->fd);

	if (retry->is_multipath)
		return false;
	return bound & BOUND_ADDRESS || (bound & BOUND_PORT && own_blames(error));
}

static void restore_syn_count(struct retry *retry)
{
	struct attempt *attempt = &retry->c->attempt;

	if (attempt->client_syn_count > 0)
		attempt_set_syn_count(retry->c->fd, attempt->client_syn_count);
	attempt->client_syn_count = 0;
	retry->is_limited = false;
}

/* ---- Where to go next */

static bool was_tried(const struct retry *retry, struct address address)
{
	for (uint32_t i = 0; i < retry->tried_count; i++)
		if (address_equal(retry->tried[i], address))
			return true;
	return false;
}

/* Notes an attempt that failed. What this process cannot is nobody's failure: this process passes
 * the endpoint over, and the order of the name's families, which is that of this host's routes, is
 * to be asked for again. */
static void note_tried(struct retry *retry, int error)
{
	const struct pick *pick = &retry->c->pick;

	if (retry->tried_count < TRIED_MOST)
		retry->tried[retry->tried_count++] = pick->target.address;
	if (address_equal(pick->target.address, retry->c->asked.address))
		retry->asked_error = error;
	if (!own_blames(error)) {
		retry->failures++;
	} else if (!retry->is_fixed) {
		own_pass(pick->target, clock_ms());
		service_lose_order(pick->service);
	}
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
		retry->is_left = c->pick.kind == PICK_LEAVE;
		if (retry->is_left)
			return false;
		if (!was_tried(retry, c->pick.target.address))
			return true;
		if (!c->pick.has_others)
			return false;
	}
	return false;
}

/* What this process cannot costs nobody anything, so neither LBDNS_ATTEMPTS nor the share of
 * retries counts it. */
static bool goes_elsewhere(struct retry *retry, int error)
{
	const struct connection *c = retry->c;

	if (retry->is_fixed || retry->tried_count >= ELSEWHERE_MOST)
		return false;
	if (!own_blames(error) &&
	    (retry->failures >= config.attempts || !rotation_may_retry(c->pick.key, c->asked.port)))
		return false;
	return pick_another(retry);
}

enum next {
	NEXT_NONE,
	NEXT_OTHER, /* the connection goes to another endpoint, or where its client asked */
	NEXT_SAME   /* it waits on at the same one, as its client would */
};

/* Chooses where the next attempt goes, after one that failed with error. */
static enum next choose(struct retry *retry, int error)
{
	struct connection *c = retry->c;
	struct pick before = c->pick;

	if (goes_elsewhere(retry, error)) {
		counters_retried(c->pick.name, c->pick.target.address, c->pick.target.port,
		                 c->pick.picked_ms);
		return NEXT_OTHER;
	}
	c->pick = before;
	if (!own_blames(error) && (!retry->is_left || was_tried(retry, c->asked.address)))
		return retry->is_limited && !retry->allowed.is_last && error == ETIMEDOUT
		               ? NEXT_SAME
		               : NEXT_NONE;
	if (was_tried(retry, c->asked.address))
		return NEXT_NONE;
	c->pick.target = c->asked;
	c->pick.kind = PICK_ASKED;
	c->pick.picked_ms = clock_ms();
	return NEXT_OTHER;
}

/* ---- Attempts */

/* What connect says of an attempt that has sent nothing yet is no answer (TCP_FASTOPEN_CONNECT,
 * tcp(7)). */
static void note_attempt(const struct connection *c, int error)
{
	if (!connect_goes_on(error) && result_matters(error, c->pick.picked_ms) &&
	    (error || socket_past(c->fd) == SOCKET_CONNECTED))
		result_note(&c->pick, error);
}

/* Limits the time of an attempt that is not the first one, and not the last one that is possible.
 */
static void limit(struct retry *retry, enum next next)
{
	struct attempt *attempt = &retry->c->attempt;
	int fd = retry->c->fd;

	if (!retry->blocks)
		return;
	if (next == NEXT_SAME || retry->failures + 1 >= config.attempts) {
		restore_syn_count(retry);
	} else {
		retry->is_limited = true;
		if (!retry->is_multipath && !attempt->client_syn_count)
			attempt->client_syn_count = attempt_limit(fd);
		else if (!retry->is_multipath)
			/* The refresh thread may have been late to see that the first one ended. */
			attempt_set_syn_count(fd, LIMITED_SYN_COUNT);
	}
	allowed_set(&retry->allowed, fd,
	            retry->is_multipath && retry->is_limited ? MULTIPATH_MS : 0);
}

/* Ends an attempt whose time is over, and which the kernel would go on with. Returns its error. */
static int cut(struct retry *retry, int error)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC}; /* connect(2) */

	if (error != EINPROGRESS || !retry->allowed.is_set || !retry->allowed.cuts ||
	    is_gone(retry, 0) || kernel_call(SYS_connect, retry->c->fd, &nowhere, sizeof(nowhere)))
		return error;
	return ETIMEDOUT;
}

/* Makes an attempt that is not the first one, of a socket that blocks. It is noted as under way
 * before, because other threads are to see that it does not return. Returns 0 or an errno. */
static int wait_again(struct retry *retry)
{
	struct connection *c = retry->c;
	struct inflight *inflight = inflight_begin(c->fd, c->pick.target, c->pick.key,
	                                           c->pick.picked_ms, INFLIGHT_WAITS);
	int error = attempt_to(c->fd, c->address, c->length, &c->pick) ? errno : 0;
	bool was_cut = error == EINPROGRESS;

	error = cut(retry, error);
	was_cut = was_cut && error == ETIMEDOUT;
	inflight_end(inflight, error);
	if (!was_cut || clock_since(c->pick.picked_ms, clock_ms()) >= CUT_BLAMES_MS)
		note_attempt(c, error);
	return error;
}

static int try_again(struct retry *retry)
{
	struct connection *c = retry->c;
	int error;

	if (retry->blocks)
		return wait_again(retry);
	error = attempt_to(c->fd, c->address, c->length, &c->pick) ? errno : 0;
	if (error == EINPROGRESS)
		inflight_add(c->fd, c->pick.target, c->pick.key, c->pick.picked_ms);
	else
		note_attempt(c, error);
	return error;
}

static bool may_go_on(struct retry *retry, int error)
{
	return (own_blames(error) || ejection_blames(error)) && !is_gone(retry, error) &&
	       (!retry->blocks ||
	        allowed_has_time(&retry->allowed, &retry->c->attempt, retry->c->fd,
	                         clock_since(retry->began_ms, clock_ms())));
}

/* Goes on after a first attempt that failed. Returns the error of the last attempt, 0 if the
 * connection is made; where that is only what this process cannot, the error of the address asked
 * for, which is what the client would have got. */
static SELDOM int try_others(struct retry *retry, int error)
{
	struct address tried[TRIED_MOST];
	struct connection *c = retry->c;
	enum next next = NEXT_OTHER;

	retry->tried = tried;
	retry->cookie = cookie_of(c->fd);
	retry->is_fixed = is_bound(retry, error);
	note_tried(retry, error);
	while (next != NEXT_SAME && may_go_on(retry, error) &&
	       (next = choose(retry, error)) != NEXT_NONE) {
		limit(retry, next);
		error = try_again(retry);
		if (error && !connect_goes_on(error))
			note_tried(retry, error);
	}
	if (own_blames(error) && retry->asked_error)
		error = retry->asked_error;
	if (log_wants(LOG_INFO))
		report_ended(c, tried, retry->tried_count - (error && !connect_goes_on(error)),
		             error);
	retry->tried = NULL;
	return error;
}

/* Returns the error of the last attempt. */
static int finish(struct retry *retry, int error)
{
	struct connection *c = retry->c;

	if ((own_blames(error) || ejection_blames(error)) && !is_gone(retry, error)) {
		retry->blocks = blocking_ask(c->fd);
		error = try_others(retry, error);
	} else if (log_wants(LOG_INFO)) {
		report_ended(c, NULL, 0, error);
	}
	if (is_gone(retry, error))
		return error;
	restore_syn_count(retry);
	allowed_restore(&retry->allowed, c->fd);
	return error;
}

SELDOM int connection_retry(struct connection c, int error)
{
	struct retry retry = {
		.c = &c,
		.began_ms = c.pick.picked_ms,
		.is_multipath = (c.attempt.client_syn_count < 0),
		.is_limited = (c.attempt.client_syn_count > 0),
	};

	if (c.attempt.client_syn_count == MULTIPATH_LIMITED) {
		retry.is_limited = true;
		allowed_begin_set(&retry.allowed);
	}
	error = cut(&retry, error);
	note_attempt(&c, error);
	error = finish(&retry, error);
	if (c.pick.kind == PICK_OTHER)
		counters_rewritten(counters_tally(c.pick.name, c.pick.target.address,
		                                  c.pick.target.port, c.pick.picked_ms),
		                   c.asked.address, c.pick.picked_ms, error);
	errno = error ? error : c.saved_errno;
	return error ? -1 : 0;
}

#include "connection/retry.h"

#include "balance/ejection.h"
#include "balance/inflight.h"
#include "balance/inflight_table.h"
#include "balance/pick.h"
#include "balance/rotation.h"
#include "balance/trial.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/kernel.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/socket.h"
#include "connection/blocking.h"
#include "connection/report.h"
#include "directory/route.h"
#include "learn/result.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

enum {
	ATTEMPTS_LIMIT = 10,
	TIME_LEAST_MS = 20 /* of SO_SNDTIMEO, for another attempt */
};

static __attribute__((noinline)) int connect_to_other(int fd, const struct sockaddr *address,
                                                      socklen_t length, struct address target)
{
	struct sockaddr_in6 changed;

	if (length > sizeof(changed))
		length = sizeof(changed);
	memcpy(&changed, address, length);
	if (!address_into_sockaddr(target, (struct sockaddr *)&changed))
		return libc()->connect(fd, address, length);
	return libc()->connect(fd, (struct sockaddr *)&changed, length);
}

int connect_to(int fd, const struct sockaddr *address, socklen_t length, struct address target)
{
	struct sockaddr_in changed;

	if (length != sizeof(changed) || address_sockaddr_family(address) != AF_INET ||
	    address_family(target) != FAMILY_V4)
		return connect_to_other(fd, address, length, target);
	memcpy(&changed, address, sizeof(changed));
	changed.sin_addr.s_addr = htobe32((uint32_t)target.low);
	return libc()->connect(fd, (struct sockaddr *)&changed, sizeof(changed));
}

static long get_option(int fd, int level, int name, void *value, socklen_t length)
{
	return kernel_get_option(fd, level, name, value, &length);
}

/* What a socket is bound to, by the client or by the kernel; false if it does not say. */
static bool own_address(int fd, struct address *address, uint16_t *port)
{
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);

	return !kernel_call(SYS_getsockname, fd, (long)&own, (long)&length, 0, 0) &&
	       address_from_sockaddr((struct sockaddr *)&own, length, address, port);
}

/* The client bound it to an address of its own: it may not be fit for another endpoint. */
static bool is_bound(int fd)
{
	struct address address;
	uint16_t port;

	/* neither :: nor 0.0.0.0 */
	return !own_address(fd, &address, &port) || address.high || (uint32_t)address.low;
}

/* After a failure a socket still has the port that the kernel gave it. */
static bool has_port(int fd)
{
	struct address address;
	uint16_t port;

	return own_address(fd, &address, &port) && port;
}

/* One connect that may go on elsewhere. */
struct attempts {
	int fd;
	const struct sockaddr *address;
	socklen_t length;
	struct route *route;
	uint16_t port;
	struct pick *picked;
	uint64_t began_ms;
	uint64_t cookie;             /* of the socket (SO_COOKIE, Linux 4.12) */
	struct timeval send_timeout; /* the client's, once an attempt failed; all zero: none */
	int syn_count;               /* the client's; 0: not changed */
	bool cut;                    /* the first attempt, by the refresh thread (pending.h) */
	struct address *tried;       /* room for ATTEMPTS_LIMIT, once an attempt failed */
	uint32_t tried_count;
};

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;

	get_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof(cookie));
	return cookie;
}

/* While we waited another thread may have closed the socket, and its number be another socket's
 * now, which must not be connected for it, nor given its options. Until the first attempt failed
 * there is no cookie, which would be one more system call: the count that ours has tells, by us, by
 * the refresh thread or by the client; or the port, if nobody has changed the count. Another thread
 * may have given it to the other socket too, to connect that one. */
static bool is_gone(const struct attempts *attempts, bool failed)
{
	int syn_count;

	if (clock_since(attempts->began_ms, clock_ms()) < CONNECT_AWHILE_MS)
		return false;
	if (attempts->cookie)
		return cookie_of(attempts->fd) != attempts->cookie;
	if (attempts->tried_count && !attempts->syn_count)
		return false; /* the client's count again; no cookies before Linux 4.12 */
	if (attempts->cut && !attempts->syn_count)
		return failed &&
		       (!has_port(attempts->fd) || socket_state(attempts->fd) == SOCKET_USED);
	return connect_get_syn_count(attempts->fd, &syn_count) || syn_count != LIMITED_SYN_COUNT ||
	       (failed && socket_state(attempts->fd) == SOCKET_USED);
}

static bool was_tried(const struct attempts *attempts, struct address address)
{
	for (uint32_t i = 0; i < attempts->tried_count; i++)
		if (address_equal(attempts->tried[i], address))
			return true;
	return false;
}

/* What is left of SO_SNDTIMEO is all the next attempt may take. */
static bool has_time(struct attempts *attempts)
{
	const struct timeval *client = &attempts->send_timeout;
	uint64_t total_ms, elapsed_ms = clock_since(attempts->began_ms, clock_ms());
	struct timeval left;

	/* Once: later it is what we made of it. */
	if (attempts->tried_count == 1 &&
	    get_option(attempts->fd, SOL_SOCKET, SO_SNDTIMEO, &attempts->send_timeout,
	               sizeof(attempts->send_timeout)))
		return false;
	total_ms = (uint64_t)client->tv_sec * 1000 + (uint64_t)client->tv_usec / 1000;
	if (!total_ms)
		return true;
	if (elapsed_ms + TIME_LEAST_MS >= total_ms)
		return false;
	total_ms -= elapsed_ms;
	left.tv_sec = (time_t)(total_ms / 1000);
	left.tv_usec = (suseconds_t)(total_ms % 1000) * 1000;
	kernel_set_option(attempts->fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
	return true;
}

/* Picks an endpoint that was not tried yet, and none that failed before: the client has waited
 * enough. Each look takes a turn: whoever comes next goes on from there. */
static bool pick_another(struct attempts *attempts)
{
	for (uint32_t i = 0; i <= attempts->tried_count; i++) {
		pick_endpoint(attempts->route, attempts->port, TRIAL_NONE, attempts->picked);
		if (attempts->picked->what == PICK_NONE || !attempts->picked->may_retry)
			return false;
		if (!was_tried(attempts, attempts->picked->target))
			return true;
	}
	return false;
}

static bool goes_on(struct attempts *attempts)
{
	return attempts->tried_count < config.attempts && !is_bound(attempts->fd) &&
	       rotation_may_retry(attempts->picked->key, attempts->port) && pick_another(attempts);
}

static __attribute__((noinline)) void note_ended(uint16_t port, const struct pick *picked,
                                                 int error)
{
	if (result_matters(error, picked->now_ms))
		result_note(picked->service, picked->target, port, error);
}

/* Returns 0, or the errno. */
static int connect_picked(int fd, const struct sockaddr *address, socklen_t length,
                          const struct pick *picked)
{
	int status = picked->what == PICK_ASKED ? libc()->connect(fd, address, length)
	                                        : connect_to(fd, address, length, picked->target);

	return status ? errno : 0;
}

/* told: the refresh thread has told of this failure. */
static void note_attempt(uint16_t port, const struct pick *picked, int error, bool told)
{
	if (!told && !connect_goes_on(error) && (error || ejection_any(picked->now_ms)))
		note_ended(port, picked, error);
}

/* Not the first one. It is noted before: other threads are to see that it does not return. */
static int attempt(const struct attempts *attempts)
{
	const struct pick *picked = attempts->picked;
	struct inflight *inflight = inflight_begin(attempts->fd, picked->target, attempts->port,
	                                           picked->now_ms, INFLIGHT_WAITS);
	int error = connect_picked(attempts->fd, attempts->address, attempts->length, picked);
	bool told = inflight_end(inflight, attempts->fd, error).told;

	note_attempt(attempts->port, picked, error, told);
	return error;
}

static void restore_syn_count(struct attempts *attempts)
{
	if (attempts->syn_count)
		connect_set_syn_count(attempts->fd, attempts->syn_count);
	attempts->syn_count = 0;
}

static void note_tried(struct attempts *attempts)
{
	attempts->tried[attempts->tried_count++ % ATTEMPTS_LIMIT] = attempts->picked->target;
}

/* After the first attempt failed so. Returns the error of the last one, 0 if it was made. Apart
 * from the usual way, which has none: signal handlers may have little stack. */
static __attribute__((noinline)) int attempt_others(struct attempts *attempts, int error)
{
	struct address tried[ATTEMPTS_LIMIT];

	attempts->tried = tried;
	attempts->cookie = cookie_of(attempts->fd);
	note_tried(attempts);
	while (ejection_blames(error) && !is_gone(attempts, true) && has_time(attempts)) {
		struct pick before = *attempts->picked;
		bool cut = attempts->syn_count && error == ETIMEDOUT;
		bool elsewhere = goes_on(attempts);

		if (!elsewhere && !cut)
			break; /* it took what the client allows, and there is nowhere else to go */
		if (!elsewhere)
			*attempts->picked =
				before; /* cut short by us: wait on as the client would */
		else
			counters_retried(attempts->picked->name, attempts->picked->target,
			                 attempts->port, attempts->picked->now_ms);
		if (!elsewhere || attempts->tried_count + 1 >= config.attempts)
			restore_syn_count(attempts);
		else if (!attempts->syn_count)
			attempts->syn_count = connect_shorten(attempts->fd);
		else /* the refresh thread may have been late to see that the first one ended */
			connect_set_syn_count(attempts->fd, LIMITED_SYN_COUNT);
		error = attempt(attempts);
		note_tried(attempts);
		if (!elsewhere)
			break;
	}
	if (log_wants(LOG_INFO))
		connect_log_ended(attempts->picked, attempts->route->asked, attempts->port, tried,
		                  attempts->tried_count - 1, error);
	attempts->tried = NULL;
	return error;
}

/* After the first attempt, which ended so. A socket that was only taken for one that blocks is not
 * tried again. Returns the error of the last one. */
static int attempts_end(struct attempts *attempts, int error)
{
	if (error && (error == EINPROGRESS || ejection_blames(error)) &&
	    !is_gone(attempts, error != EINPROGRESS) && blocking_ask(attempts->fd) &&
	    ejection_blames(error))
		error = attempt_others(attempts, error);
	else if (log_wants(LOG_INFO))
		connect_log_ended(attempts->picked, attempts->route->asked, attempts->port, NULL, 0,
		                  error);
	if (is_gone(attempts, error && !connect_goes_on(error)))
		return error;
	restore_syn_count(attempts);
	if (attempts->send_timeout.tv_sec || attempts->send_timeout.tv_usec)
		kernel_set_option(attempts->fd, SOL_SOCKET, SO_SNDTIMEO, &attempts->send_timeout,
		                  sizeof(attempts->send_timeout));
	return error;
}

static struct tally *tally_of(const struct pick *picked, uint16_t port)
{
	return counters_tally(picked->name, picked->target, port, picked->now_ms);
}

int connect_retry_after(int fd, const struct sockaddr *address, socklen_t length,
                        struct address asked, uint16_t port, struct pick *picked,
                        const struct connect_first *first, int error)
{
	/* Looked for again if there is another pick. */
	struct route route = {.asked = asked, .hash = address_hash(asked)};
	struct attempts attempts = {.fd = fd,
	                            .address = address,
	                            .length = length,
	                            .route = &route,
	                            .port = port,
	                            .picked = picked,
	                            .began_ms = picked->now_ms,
	                            .syn_count = first->syn_count,
	                            .cut = first->cut};

	note_attempt(port, picked, error, first->told);
	error = attempts_end(&attempts, error);
	if (picked->what == PICK_OTHER)
		counters_recent(tally_of(picked, port), asked, picked->now_ms, error);
	return error;
}

int connect_retry(int fd, const struct sockaddr *address, socklen_t length, struct route *route,
                  uint16_t port, struct pick *picked)
{
	bool retries = config.attempts > 1 && picked->may_retry;
	enum blocking blocking = retries ? blocking_guess(fd) : BLOCKING_NO;
	struct tally *tally = tally_of(picked, port);
	int saved_errno = errno, error;

	counters_connected(tally, picked->what == PICK_OTHER);
	if (blocking == BLOCKING_YES) {
		struct connect_first first =
			connect_first_begins(fd, picked->target, port, picked->now_ms, false);

		error = connect_picked(fd, address, length, picked);
		connect_first_ended(&first, fd, error);
		error = connect_retry_after(fd, address, length, route->asked, port, picked, &first,
		                            error);
	} else {
		error = connect_picked(fd, address, length, picked);
		if (error == EINPROGRESS)
			inflight_add(fd, picked->target, port, picked->now_ms);
		note_attempt(port, picked, error, false);
		if (log_wants(LOG_INFO))
			connect_log_ended(picked, route->asked, port, NULL, 0, error);
		if (picked->what == PICK_OTHER)
			counters_recent(tally, route->asked, picked->now_ms, error);
	}
	if (blocking == BLOCKING_TRUSTED_NOT)
		blocking_trusted(fd, error);
	errno = error ? error : saved_errno;
	return error ? -1 : 0;
}

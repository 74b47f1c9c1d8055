/* State: what is being tried, the refresh thread's. */
#include "refresh/probe.h"

#include "balance/ejection.h"
#include "balance/trial.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "base/socket.h"
#include "learn/result.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>

enum {
	PATIENCE_MS = 3000, /* as an attempt of a client that blocks has (LIMITED_SYN_COUNT) */
	IMPOSSIBLE_MS = 60 * 1000,
	QUICK = 2,           /* checks after the first; after which each waits twice as long, */
	DOUBLINGS = 4,       /* so often */
	FIRST_LOOK_MS = 4,   /* and then each time after twice the time that has passed, */
	LOOK_MOST_MS = 100,  /* but before the kernel sends what it puts off (TCP_DELACK_MAX) */
	SIGNAL_SET_SIZE = 8, /* of the kernel's sigset_t */
};

static struct probe {
	struct peer peer;
	int fd; /* -1: none */
	uint64_t since_ms, look_ms;
	uint64_t silent_ms;  /* from when on it counts as silent; 0: it was counted */
	unsigned silent;     /* how many before it were */
	uint64_t overdue_ms; /* when it is told of, if nobody doubts the endpoint; 0: not yet */
} probes[TRIALS];

/* A forked child's thread finds what its parent's was trying, by descriptors that are not its own.
 */
void probe_begin(bool own_descriptors)
{
	for (int i = 0; i < TRIALS; i++) {
		probes[i].fd = -1;
	}
	trial_set_impossible(own_descriptors ? 0 : UINT64_MAX);
}

static void end(struct probe *probe, int error)
{
	uint64_t began_ms = error ? probe->since_ms : socket_began_ms(probe->fd, probe->since_ms);

	if (probe->fd >= 0)
		kernel_call(SYS_close, probe->fd);
	probe->fd = -1;
	if (!error || ejection_blames(error))
		result_checked(probe->peer, began_ms, error);
	else
		/* The fault is this host's: clients are to try. */
		trial_set_impossible(clock_ms() + IMPOSSIBLE_MS);
}

/* Returns how long a check may have no answer until the next one is made: longer and longer once
 * the endpoint is held, which may only be far away. */
static uint64_t patience_ms(const struct probe *probe)
{
	unsigned doublings = probe->silent > QUICK ? probe->silent - QUICK : 0;

	return result_check_ms(probe->peer) << (doublings < DOUBLINGS ? doublings : DOUBLINGS);
}

/* Has the answer to a connect be all of it: the kernel puts off the ACK that would hand the
 * connection to the server, and closing sends a RST (tcp(7), socket(7)). Else the server, which may
 * have one worker, would wait for a request until the probe is closed. */
static void half_open(int fd)
{
	const struct linger at_once = {.l_onoff = 1};
	int quick_ack = 0;

	kernel_set_option(fd, IPPROTO_TCP, TCP_QUICKACK, &quick_ack, sizeof(quick_ack));
	kernel_set_option(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void begin(struct probe *probe, uint64_t now_ms)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = {.any = {.sa_family = AF_INET}};
	socklen_t length = sizeof(to.v4);
	long got;

	probe->since_ms = now_ms = clock_ms(); /* a look before it takes its time */
	probe->silent_ms = now_ms + patience_ms(probe);
	probe->overdue_ms = 0;
	probe->look_ms = now_ms + FIRST_LOOK_MS;
	to.v4.sin_port = htons((uint16_t)probe->peer.port);
	if (address_family(probe->peer.address) == FAMILY_V6) {
		to.any.sa_family = AF_INET6; /* the port has the same place */
		length = sizeof(to.v6);
	}
	address_into_sockaddr(probe->peer.address, &to.any);
	got = kernel_call(SYS_socket, to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                  0);
	if (got < 0) {
		end(probe, (int)-got);
		return;
	}
	probe->fd = (int)got;
	half_open(probe->fd);
	got = kernel_call(SYS_connect, probe->fd, &to, length);
	if (got != -EINPROGRESS)
		end(probe, (int)-got);
}

/* Goes on with a probe that has no answer. Returns true if another one has begun in its place. */
static bool wait_on(struct probe *probe, uint64_t now_ms)
{
	if (probe->silent_ms && now_ms >= probe->silent_ms) {
		probe->silent_ms = 0;
		if (result_check_silent(probe->peer)) {
			/* A new one: the kernel would repeat this one after a second. */
			kernel_call(SYS_close, probe->fd);
			probe->fd = -1;
			probe->silent++;
			begin(probe, now_ms);
			return true;
		}
		if (!probe->silent)
			probe->overdue_ms = probe->since_ms + result_limit_ms(probe->peer);
	}
	if (probe->overdue_ms && now_ms >= probe->overdue_ms) {
		probe->overdue_ms = 0;
		result_trial_silent(probe->peer, probe->since_ms);
	}
	return false;
}

/* Has the connection of a probe ended? */
static void inspect(struct probe *probe, uint64_t now_ms)
{
	struct pollfd poll = {.fd = probe->fd, .events = POLLOUT};
	struct timespec at_once = {.tv_sec = 0};
	socklen_t length = sizeof(int);
	int error = 0;

	if (kernel_call(SYS_ppoll, &poll, 1, &at_once, NULL, SIGNAL_SET_SIZE) == 1) {
		if (kernel_get_option(probe->fd, SOL_SOCKET, SO_ERROR, &error, &length))
			error = EBADF;
		end(probe, error);
	} else if (now_ms >= probe->since_ms + PATIENCE_MS) {
		end(probe, ETIMEDOUT);
	} else {
		if (wait_on(probe, now_ms))
			return;
		probe->look_ms = now_ms + (now_ms - probe->since_ms);
		if (probe->look_ms > now_ms + LOOK_MOST_MS)
			probe->look_ms = now_ms + LOOK_MOST_MS;
		if (probe->look_ms < now_ms + FIRST_LOOK_MS)
			probe->look_ms = now_ms + FIRST_LOOK_MS;
		if (probe->look_ms > probe->since_ms + PATIENCE_MS)
			probe->look_ms = probe->since_ms + PATIENCE_MS;
	}
}

/* Takes a request, in whichever place it is: another probe may be at work for a long time. */
static bool take(struct probe *probe)
{
	for (int place = 0; place < TRIALS; place++)
		if (trial_take(place, &probe->peer)) {
			probe->silent = 0;
			return true;
		}
	return false;
}

uint64_t probe_step(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (int i = 0; i < TRIALS; i++) {
		struct probe *probe = &probes[i];

		if (probe->fd >= 0 && probe->look_ms <= now_ms)
			inspect(probe, now_ms);
		if (probe->fd < 0 && take(probe))
			begin(probe, now_ms);
		if (probe->fd >= 0 && probe->look_ms < next_ms)
			next_ms = probe->look_ms;
	}
	return next_ms;
}

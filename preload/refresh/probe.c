/* State: what was asked for, written by any thread; what is being tried, the refresh thread's. */
#include "refresh/probe.h"

#include "balance/ejection.h"
#include "refresh/thread.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	ASKED = 8,
	PATIENCE_MS = 3000,  /* as an attempt of a client that blocks has (connect_retry.c) */
	FIRST_LOOK_MS = 4,   /* and then after twice the time that has passed */
	SIGNAL_SET_SIZE = 8, /* of the kernel's sigset_t */
};

enum { ASKED_FREE, ASKED_BEGUN, ASKED_DONE };

static struct asked {
	_Atomic uint64_t high, low;
	_Atomic uint32_t port, state;
} asked[ASKED];

static struct trial {
	struct address address;
	uint32_t port;
	int fd; /* -1: none */
	uint64_t since_ms, look_ms;
} trials[ASKED];

static atomic_bool possible;

bool probe_is_possible(void)
{
	return atomic_load_explicit(&possible, memory_order_relaxed) && refresher_runs();
}

/* A thread that leaves by siglongjmp in between leaves the place begun: one less. */
bool probe_ask(struct address address, uint32_t port)
{
	for (int i = 0; i < ASKED; i++) {
		uint32_t was = ASKED_FREE;

		if (!atomic_compare_exchange_strong(&asked[i].state, &was, ASKED_BEGUN))
			continue;
		atomic_store_explicit(&asked[i].high, address.high, memory_order_relaxed);
		atomic_store_explicit(&asked[i].low, address.low, memory_order_relaxed);
		atomic_store_explicit(&asked[i].port, port, memory_order_relaxed);
		atomic_store(&asked[i].state, ASKED_DONE);
		refresher_wake_by(0);
		return true;
	}
	return false;
}

/* A child's thread finds what its parent's was at, in a table of descriptors that is not its own.
 */
void probe_begin(bool own_descriptors)
{
	for (int i = 0; i < ASKED; i++) {
		trials[i].fd = -1;
		atomic_store(&asked[i].state, ASKED_FREE);
	}
	atomic_store(&possible, own_descriptors);
}

static void end(struct trial *trial, int error, uint64_t now_ms)
{
	if (trial->fd >= 0)
		syscall(SYS_close, trial->fd);
	trial->fd = -1;
	if (!error)
		health_succeeded(trial->address, trial->port, now_ms);
	else if (health_blames(error))
		health_failed(trial->address, trial->port, error, now_ms);
	else
		atomic_store(&possible, false); /* this host's fault: let the client try */
}

static void begin(struct trial *trial, const struct asked *from, uint64_t now_ms)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = {.any = {.sa_family = AF_INET}};
	socklen_t length = sizeof(to.v4);

	trial->address.high = atomic_load_explicit(&from->high, memory_order_relaxed);
	trial->address.low = atomic_load_explicit(&from->low, memory_order_relaxed);
	trial->port = atomic_load_explicit(&from->port, memory_order_relaxed);
	trial->since_ms = now_ms;
	trial->look_ms = now_ms + FIRST_LOOK_MS;
	to.v4.sin_port = htons((uint16_t)trial->port);
	if (address_family(trial->address) == FAMILY_V6) {
		to.any.sa_family = AF_INET6; /* the port has the same place */
		length = sizeof(to.v6);
	}
	address_into_sockaddr(trial->address, &to.any);
	trial->fd = (int)syscall(SYS_socket, to.any.sa_family,
	                         SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (trial->fd < 0)
		end(trial, errno, now_ms);
	else if (!syscall(SYS_connect, trial->fd, &to, length))
		end(trial, 0, now_ms);
	else if (errno != EINPROGRESS)
		end(trial, errno, now_ms);
}

static void look(struct trial *trial, uint64_t now_ms)
{
	struct pollfd poll = {.fd = trial->fd, .events = POLLOUT};
	struct timespec at_once = {.tv_sec = 0};
	socklen_t length = sizeof(int);
	int error = 0;

	if (syscall(SYS_ppoll, &poll, 1, &at_once, NULL, SIGNAL_SET_SIZE) == 1) {
		syscall(SYS_getsockopt, trial->fd, SOL_SOCKET, SO_ERROR, &error, &length);
		end(trial, error, now_ms);
	} else if (now_ms >= trial->since_ms + PATIENCE_MS) {
		end(trial, ETIMEDOUT, now_ms);
	} else {
		trial->look_ms = now_ms + (now_ms - trial->since_ms) + FIRST_LOOK_MS;
		if (trial->look_ms > trial->since_ms + PATIENCE_MS)
			trial->look_ms = trial->since_ms + PATIENCE_MS;
	}
}

uint64_t probe_step(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (int i = 0; i < ASKED; i++) {
		struct trial *trial = &trials[i];

		if (trial->fd >= 0 && trial->look_ms <= now_ms)
			look(trial, now_ms);
		if (trial->fd < 0 && atomic_load(&asked[i].state) == ASKED_DONE) {
			begin(trial, &asked[i], now_ms);
			atomic_store(&asked[i].state, ASKED_FREE);
		}
		if (trial->fd >= 0 && trial->look_ms < next_ms)
			next_ms = trial->look_ms;
	}
	return next_ms;
}

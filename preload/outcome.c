/* State: the connects under way, a ring of which the oldest are overwritten. Everything in it is a
 * guess: it is checked against the socket itself before anybody is blamed. */
#include "outcome.h"

#include "clock.h"
#include "counters.h"
#include "directory.h"
#include "health.h"
#include "hooks/connect_log.h"
#include "hooks/socket_state.h"
#include "log.h"
#include "mode.h"
#include "refresher.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum {
	PENDING = 64,
	PENDING_MS = 3000,
	LATE_MS = 500, /* many clients wait for 4 s or more */
	TCP_STATE_SYN_SENT = 2
};

static struct pending {
	_Atomic uint64_t high, low, since_ms; /* since_ms 0: nothing */
	_Atomic uint32_t fd, port;
} ring[PENDING];

static _Atomic uint32_t ring_next;

void outcome_note(uint32_t service, struct address address, uint32_t port, int error)
{
	int saved_errno = errno;
	uint64_t now_ms = clock_ms();

	if (error)
		counters_failed(directory_hash(service), address, port, now_ms);
	if (!error)
		health_succeeded(address, port, now_ms);
	else if (health_failed(address, port, error, now_ms) && directory_hurry(service))
		refresher_hurry();
	errno = saved_errno;
}

void outcome_note_peer(struct address address, uint32_t port, int error)
{
	struct directory_route route;
	uint32_t service;

	if (!directory_route(address, &route) || !directory_service(&route, &service) ||
	    mode_for(directory_hash(service)) != MODE_ON)
		return;
	outcome_note(service, address, port, error);
	if (error && log_wants(LOG_INFO))
		connect_log_told(service, address, (uint16_t)port, error);
}

bool outcome_matters(int error)
{
	return error ? health_blames(error) && !directory_is_empty() : health_any(clock_ms());
}

void outcome_pending(int fd, struct address address, uint16_t port)
{
	uint64_t now_ms = clock_ms();
	struct pending *at =
		&ring[atomic_fetch_add_explicit(&ring_next, 1, memory_order_relaxed) % PENDING];

	atomic_store_explicit(&at->high, address.high, memory_order_relaxed);
	atomic_store_explicit(&at->low, address.low, memory_order_relaxed);
	atomic_store_explicit(&at->fd, (uint32_t)fd, memory_order_relaxed);
	atomic_store_explicit(&at->port, port, memory_order_relaxed);
	atomic_store_explicit(&at->since_ms, now_ms, memory_order_relaxed);
	refresher_wake_by(now_ms + PENDING_MS + LATE_MS);
}

/* A copy of the client's descriptor: ours are a table of their own (refresher.c). -1 where the
 * kernel is too old or a filter forbids it, and then nobody is blamed. */
static int borrow(uint32_t fd)
{
	long process = syscall(SYS_pidfd_open, syscall(SYS_getpid), 0);
	long got = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);

	if (process >= 0)
		syscall(SYS_close, process);
	return (int)got;
}

/* Is that socket still trying to reach that endpoint? Another one may have the descriptor by now:
 * one that began to try only just now has not repeated its SYN. */
static bool is_silent(uint32_t noted_fd, struct address wanted, uint32_t wanted_port)
{
	socklen_t length = offsetof(struct tcp_info, tcpi_rto);
	struct tcp_info info = {.tcpi_state = 0};
	struct address peer;
	uint16_t port;
	bool silent = false;
	int fd = borrow(noted_fd);

	if (fd < 0)
		return false;
	if (socket_peer(fd, &peer, &port) && address_equal(peer, wanted) && port == wanted_port &&
	    !syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		silent = info.tcpi_state == TCP_STATE_SYN_SENT && info.tcpi_retransmits;
	syscall(SYS_close, fd);
	return silent;
}

uint64_t outcome_watch(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned i = 0; i < PENDING; i++) {
		struct pending *at = &ring[i];
		uint64_t since_ms = atomic_load_explicit(&at->since_ms, memory_order_relaxed);
		/* Another one may take the place meanwhile; the socket tells what is true. */
		struct address address = {.high = at->high, .low = at->low};
		uint32_t fd = at->fd, port = at->port;

		if (!since_ms)
			continue;
		if (clock_since(since_ms, now_ms) < PENDING_MS) {
			if (since_ms + PENDING_MS < next_ms)
				next_ms = since_ms + PENDING_MS;
			continue;
		}
		if (is_silent(fd, address, port))
			outcome_note_peer(address, port, ETIMEDOUT);
		atomic_compare_exchange_strong(&at->since_ms, &since_ms, 0);
	}
	return next_ms;
}

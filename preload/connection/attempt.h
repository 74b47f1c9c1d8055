/* One try of a connection: the sockaddr rewritten, its time limited, libc called.
 *
 * A silent endpoint must not keep a client that blocks for minutes. So its first attempt ends as if
 * TCP_SYNCNT were LIMITED_SYN_COUNT: the refresh thread sets that on a connect that is late, where
 * it can get at the socket; where it cannot, attempt_begin does, at the price of four system calls.
 * Any thread, any signal handler. */
#ifndef LBDNS_CONNECTION_ATTEMPT_H
#define LBDNS_CONNECTION_ATTEMPT_H

#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "base/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct attempt {
	struct inflight *inflight; /* NULL: nobody else is to know that it waits */
	bool limited_by_thread;    /* the refresh thread ends it after 3 s of silence */
	int client_syn_count;      /* TCP_SYNCNT to set again; 0: the socket has the client's */
};

/* Calls libc's connect with a target of the same family and port in the client's sockaddr. */
int attempt_connect(int fd, const struct sockaddr *address, socklen_t length,
                    struct address target);

static inline long attempt_get_syn_count(int fd, int *count)
{
	socklen_t length = sizeof(*count);

	return kernel_get_option(fd, IPPROTO_TCP, TCP_SYNCNT, count, &length);
}

static inline void attempt_set_syn_count(int fd, int count)
{
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count));
}

/* Lowers TCP_SYNCNT to LIMITED_SYN_COUNT. Returns the client's count, 0 if the socket keeps it. */
static inline int attempt_limit(int fd)
{
	int count;

	if (attempt_get_syn_count(fd, &count) || count <= LIMITED_SYN_COUNT)
		return 0;
	attempt_set_syn_count(fd, LIMITED_SYN_COUNT);
	return count;
}

/* Begins the first attempt of a socket that blocks, just before libc's connect, to a target in a
 * pool. *attempt is all zero. alone: no other thread makes connections. */
FAST void attempt_begin(struct attempt *attempt, int fd, struct peer target, uint64_t pool,
                        uint64_t now_ms, bool alone)
{
	attempt->limited_by_thread = inflight_may_limit();
	if (attempt->limited_by_thread)
		attempt->inflight = inflight_begin(fd, target, pool, now_ms,
		                                   alone ? INFLIGHT_LIMIT_PRIVATE : INFLIGHT_LIMIT);
	else if (!alone)
		attempt->inflight = inflight_begin(fd, target, pool, now_ms, INFLIGHT_WAITS);
	/* Once more, because the refresh thread may be about to leave, and have looked already at
	 * what is under way. */
	if (!attempt->inflight || !inflight_may_limit())
		attempt->limited_by_thread = false;
	if (!attempt->limited_by_thread)
		attempt->client_syn_count = attempt_limit(fd);
}

/* Ends the attempt, for which libc's connect has returned 0 or an errno. */
FAST void attempt_end(struct attempt *attempt, int error)
{
	int syn_count = inflight_end(attempt->inflight, error);

	if (syn_count)
		attempt->client_syn_count = syn_count;
}

/* After so long the client may have done anything to the descriptor while connect waited. */
enum { ATTEMPT_AWHILE_MS = 20 };

/* Returns true if the connection of an attempt that began at began_ms is made, and nothing more is
 * to be said or done but what this does: giving the socket the client's TCP_SYNCNT again. */
FAST bool attempt_is_good(const struct attempt *attempt, int fd, uint64_t began_ms, int error)
{
	if (__builtin_expect(error, 0))
		return false;
	if (!attempt->client_syn_count)
		return true;
	if (attempt->limited_by_thread || clock_since(began_ms, clock_ms()) >= ATTEMPT_AWHILE_MS)
		return false;
	attempt_set_syn_count(fd, attempt->client_syn_count);
	return true;
}

#endif

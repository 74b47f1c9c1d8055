/* One try of a connection: the sockaddr rewritten, its time limited, libc called.
 *
 * A silent endpoint must not keep a client that blocks for minutes. So its first attempt ends as if
 * TCP_SYNCNT were LIMITED_SYN_COUNT: the refresh thread sets that on a connect that is late, where
 * it can get at the socket, and nobody asks beforehand whether that blocks; where it cannot,
 * attempt_begin does, for a socket that blocks, at the price of four system calls (one for a socket
 * that does not). Multipath TCP refuses TCP_SYNCNT: there SO_SNDTIMEO is lowered to what that would
 * take. Any thread, any signal handler. */
#ifndef LBDNS_CONNECTION_ATTEMPT_H
#define LBDNS_CONNECTION_ATTEMPT_H

#include "balance/inflight.h"
#include "balance/pick.h"
#include "base/attributes.h"
#include "base/descriptor.h"
#include "base/kernel.h"
#include "base/peer.h"
#include "connection/blocking.h"

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
	uint32_t generation; /* of the descriptor, if client_syn_count was set before connect */
};

/* Values of client_syn_count for a Multipath TCP socket that the client did not bind, which cannot
 * be seen any more after an attempt. */
enum {
	MULTIPATH_LIMITED = -1, /* SO_SNDTIMEO is MULTIPATH_MS, and to be 0 again */
	MULTIPATH_UNBOUND = -2  /* SO_SNDTIMEO is the client's */
};

/* What a silent endpoint costs with LIMITED_SYN_COUNT: 1 s, 2 s, and time for the last answer. */
enum { MULTIPATH_MS = 3100 };

/* Calls libc's connect for a pick. */
int attempt_to(int fd, const struct sockaddr *address, socklen_t length, const struct pick *pick);

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

/* Does what attempt_limit does for a socket that refuses TCP_SYNCNT. */
int attempt_limit_multipath(int fd);

/* Lowers TCP_SYNCNT to LIMITED_SYN_COUNT. Returns what is for client_syn_count. */
static inline int attempt_limit(int fd)
{
	int count;

	if (attempt_get_syn_count(fd, &count))
		return attempt_limit_multipath(fd);
	if (count <= LIMITED_SYN_COUNT)
		return 0;
	attempt_set_syn_count(fd, LIMITED_SYN_COUNT);
	return count;
}

/* Returns true if a socket has the SO_SNDTIMEO of MULTIPATH_LIMITED. */
bool attempt_is_multipath_limited(int fd);

enum { MULTIPATH_PROTOCOL = 262 }; /* IPPROTO_MPTCP, Linux 5.6 */

/* Has each connect limit itself from now on, because this process has sockets of Multipath TCP,
 * which the refresh thread cannot limit. */
void attempt_meet_multipath(void);

/* Looks, once in a process, whether a socket is one of Multipath TCP: what stands between may have
 * changed what the client asked for (mptcpize(8)). */
void attempt_meet(int fd);

/* Lets the next connect of a socket wait for ms at most; 0: for as long as it takes. */
void attempt_set_send_timeout(int fd, uint64_t ms);

enum { BOUND_ADDRESS = 1, BOUND_PORT = 2, BOUND_ALL = 3 };

/* Returns what a socket is bound to, by the client or by the kernel: BOUND_ bits; BOUND_ALL if it
 * does not say. */
unsigned attempt_bound(int fd);

/* Returns true if no other thread makes connections, for which this one would have to be seen to
 * wait. thread is as in inflight_has_company. */
FAST bool attempt_is_alone(const struct pick *pick, const void *thread)
{
	return !pick->has_skips && !inflight_has_company(thread);
}

/* Begins the first attempt of a socket that may block, just before libc's connect. *attempt is all
 * zero. Returns false if it does not block: nothing was begun. */
FAST bool attempt_begin(struct attempt *attempt, int fd, const struct pick *pick,
                        const void *thread)
{
	if (inflight_may_limit()) {
		attempt->inflight =
			inflight_begin(fd, pick->target, pick->key, pick->picked_ms,
		                       !blocking_is_unlikely() && attempt_is_alone(pick, thread)
		                               ? INFLIGHT_LIMIT_PRIVATE
		                               : INFLIGHT_LIMIT);
		/* Once more, because the refresh thread may be about to leave, and have looked
		 * already at what is under way. */
		attempt->limited_by_thread = attempt->inflight && inflight_may_limit();
		if (attempt->limited_by_thread)
			return true;
	}
	if (!blocking_is_likely() && !blocking_ask(fd))
		return attempt->inflight;
	if (!attempt->inflight && !attempt_is_alone(pick, thread))
		attempt->inflight = inflight_begin(fd, pick->target, pick->key, pick->picked_ms,
		                                   INFLIGHT_WAITS);
	attempt->client_syn_count = attempt_limit(fd);
	attempt->generation = descriptor_generation(fd);
	return true;
}

/* Ends the attempt, for which libc's connect has returned 0 or an errno. */
FAST void attempt_end(struct attempt *attempt, int error)
{
	int syn_count = inflight_end(attempt->inflight, error);

	if (syn_count)
		attempt->client_syn_count = syn_count;
}

/* Returns true if the connection of an attempt is made, or goes on without its client
 * (EINPROGRESS), and nothing more is to be said or done but what this does: giving the socket the
 * client's TCP_SYNCNT again. */
FAST bool attempt_is_good(const struct attempt *attempt, int fd, int error)
{
	if (__builtin_expect(error, 0)) {
		if (error != EINPROGRESS)
			return false;
		blocking_note(false);
	}
	if (!attempt->client_syn_count)
		return true;
	/* Another thread may have closed it meanwhile, and its number be another socket's. */
	if (attempt->client_syn_count < 0 || attempt->limited_by_thread ||
	    descriptor_generation(fd) != attempt->generation)
		return false;
	attempt_set_syn_count(fd, attempt->client_syn_count);
	return true;
}

#endif

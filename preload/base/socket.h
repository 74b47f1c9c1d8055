/* What a socket has been through. Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_BASE_SOCKET_H
#define LBDNS_BASE_SOCKET_H

#include "base/address.h"
#include "base/kernel.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum socket_state {
	SOCKET_USED,  /* connecting, connected or listening; or no socket at all */
	SOCKET_OTHER, /* not TCP, and not to rotate */
	SOCKET_FRESH_STREAM,
	SOCKET_FRESH_DATAGRAM, /* UDP without a peer; only with LBDNS_UDP=on */
	SOCKET_ENDED           /* a stream socket whose connection, or connecting, has ended */
};

/* Surely SOCKET_FRESH_STREAM? Half the time that TCP_INFO takes, which locks the socket. A TCP
 * socket that is closed hangs up; if it was connected, or failed to be, and nobody has collected
 * that yet, there is an error to tell or an end of what is read too. Of other protocols a socket
 * hangs up before it is connected, and can be written to, only of MPTCP, which its client takes for
 * TCP, and of Unix domain sockets, which refuse to connect to an IP address (tcp_poll, mptcp_poll,
 * datagram_poll, sctp_poll of Linux 6.18).
 */
static inline bool socket_is_fresh(int fd)
{
	struct pollfd poll = {.fd = fd, .events = POLLOUT | POLLRDHUP};
#ifdef SYS_poll
	long ready = kernel_call(SYS_poll, &poll, 1, 0);
#else
	struct timespec at_once = {.tv_sec = 0};
	long ready = kernel_call(SYS_ppoll, &poll, 1, &at_once, NULL, 0);
#endif

	return ready == 1 && poll.revents == (POLLOUT | POLLHUP);
}

enum socket_state socket_state(int fd);

/* Was a stream socket ever connected, since it was made or last disconnected? SOCKET_UNKNOWN: the
 * kernel does not say. */
enum socket_past { SOCKET_UNKNOWN, SOCKET_CONNECTED, SOCKET_NEVER_CONNECTED };

enum socket_past socket_past(int fd);

/* Does a stream socket wait for the answer to its connect? SOCKET_MAY_WAIT: the kernel does not
 * say. */
enum socket_wait { SOCKET_MAY_WAIT, SOCKET_WAITS, SOCKET_WAITS_NOT };

enum socket_wait socket_wait(int fd);

/* Returns when a connect would have begun (clock_ms) if its answer had come just now: as long ago
 * as the answer took, which the kernel has measured, because who asks may be late. began_ms is when
 * it began; that is returned where the kernel does not say. */
uint64_t socket_began_ms(int fd, uint64_t began_ms);

#endif

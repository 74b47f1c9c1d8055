/* The kernel's table of the TCP sockets of this network namespace: who is waiting for an answer. No
 * descriptor of the client's is touched, and sockets of other processes are seen too. By SOCK_DIAG
 * (sock_diag(7)), which default profiles of containers allow; where it is refused by
 * /proc/thread-self/net/tcp (proc(5)); else not at all. The refresh thread only. */
#ifndef LBDNS_REFRESH_SOCKETS_H
#define LBDNS_REFRESH_SOCKETS_H

#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* A TCP socket that has sent a SYN, or is connected. */
struct socket_seen {
	struct peer peer; /* whom it was sent to */
	struct peer own;  /* its own address and port */
	bool v6;          /* AF_INET6, maybe with IPv4 addresses */
	uint64_t age_ms;  /* of one that waits: since the SYN was first sent, or longer */
};

/* Calls see for each socket that waits for the answer to its SYN. Returns false if the kernel does
 * not say which there are. */
bool sockets_connecting(void (*see)(const struct socket_seen *seen, void *with), void *with);

/* Calls see for each socket that is connected, or was a moment ago. Returns false as
 * sockets_connecting does. */
bool sockets_connected(void (*see)(const struct socket_seen *seen, void *with), void *with);

enum socket_fate {
	FATE_UNKNOWN,    /* the kernel does not say */
	FATE_CONNECTING, /* it waits still */
	FATE_ANSWERED,
	FATE_GONE /* it was closed, refused or timed out: nobody knows which */
};

/* Returns what has become of a socket that was seen. */
enum socket_fate sockets_fate(const struct socket_seen *seen);

#endif

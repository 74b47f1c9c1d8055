/* Has this socket been used before? Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_SOCKET_FRESH_H
#define LBDNS_SOCKET_FRESH_H

enum socket_fresh {
	SOCKET_USED, /* connecting, connected, failed or listening; or of no kind that we rotate */
	SOCKET_FRESH_STREAM,
	SOCKET_FRESH_DATAGRAM /* UDP without a peer; only with LBDNS_UDP=on */
};

enum socket_fresh socket_fresh(int fd);

#endif

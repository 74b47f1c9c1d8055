/* What a socket has been through. Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_SOCKET_STATE_H
#define LBDNS_SOCKET_STATE_H

#include "address.h"

#include <stdbool.h>

enum socket_state {
	SOCKET_USED,  /* connecting, connected or listening; or no socket at all */
	SOCKET_OTHER, /* not TCP, and not to rotate */
	SOCKET_FRESH_STREAM,
	SOCKET_FRESH_DATAGRAM, /* UDP without a peer; only with LBDNS_UDP=on */
	SOCKET_ENDED           /* a stream socket whose connection, or connecting, has ended */
};

enum socket_state socket_state(int fd);

/* Whom a stream socket is or was connecting to, even if that failed: until a second connect
 * collects the error the kernel knows it (SO_PEERNAME, unlike getpeername(2), does not ask for the
 * state). port in host order. False if it never was. */
bool socket_peer(int fd, struct address *address, uint16_t *port);

/* Was a stream socket ever connected, since it was made or last disconnected? The kernel may not
 * say. */
enum socket_past { SOCKET_UNKNOWN, SOCKET_CONNECTED, SOCKET_NEVER_CONNECTED };

enum socket_past socket_past(int fd);

#endif

/* Peers: an address and a port, as connect(2) names them. Any thread, any signal handler. */
#ifndef LBDNS_BASE_PEER_H
#define LBDNS_BASE_PEER_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { PEER_DATAGRAM = 1 << 16 };

struct peer {
	struct address address;
	uint32_t port; /* host order; PEER_DATAGRAM is set for UDP */
};

static inline bool peer_equal(struct peer a, struct peer b)
{
	return address_equal(a.address, b.address) && a.port == b.port;
}

/* Returns the peer that has the same port at another address. */
static inline struct peer peer_at(struct address address, struct peer peer)
{
	return (struct peer){.address = address, .port = peer.port};
}

#endif

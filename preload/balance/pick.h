/* Where one connection goes, and what a lookup lists first.
 *
 * A pick needs no descriptor, no errno and no libc: whoever connects for a client may ask for one.
 * Any thread, any signal handler; no lock, no allocation. */
#ifndef LBDNS_BALANCE_PICK_H
#define LBDNS_BALANCE_PICK_H

#include "balance/trial.h"
#include "base/config.h"
#include "base/peer.h"
#include "base/reason.h"
#include "directory/route.h"

#include <stdbool.h>
#include <stdint.h>

enum pick_kind {
	PICK_LEAVE, /* the connection is left as the client asked for it */
	PICK_ASKED, /* the address asked for has the turn, and took it */
	PICK_OTHER  /* the connection goes to target */
};

struct pick {
	enum pick_kind kind;
	enum leave_reason why; /* of PICK_LEAVE */
	struct peer target;    /* the peer asked for, unless kind is PICK_OTHER */
	uint64_t key;          /* of the pool, for rotation_may_retry; 0: of no pool */
	uint64_t name;    /* name_hash of the pool's name, for shared/counters.h; 0: not known */
	uint32_t service; /* of the pool */
	enum config_mode mode; /* MODE_OBSERVE: nobody is to act on kind */
	bool has_others;    /* a failed connection may be retried at other endpoints of the pool */
	bool has_skips;     /* endpoints may be passed over, so that a success is worth noting */
	uint64_t picked_ms; /* clock_ms */
};

/* Picks an endpoint for a connection to a peer, and takes the turn. *route was found for the peer's
 * address; it is brought to a newer snapshot if there is one. trial says who tries an endpoint
 * again that failed before. */
struct pick pick_endpoint(struct route *route, struct peer asked, enum trial trial);

/* Picks as pick_endpoint does for a connect that a client makes now in a thread (the address of its
 * errno). A continuation of the thread's last connect takes no turn (walk.h). */
void pick_connect(struct route *route, struct peer asked, enum trial trial, const void *thread,
                  struct pick *pick);

/* Returns the index of the endpoint that a lookup lists first: the next pick, or one more for each
 * lookup since the last connection, among those not passed over. endpoints are sorted, key is their
 * address_set_key; port in host order, 0 if none is known. */
uint32_t pick_show(const struct address *endpoints, uint32_t count, uint64_t key, uint32_t port);

/* Records a lookup of a service whose pool has this key, for a port or 0. Returns false if its
 * answer is to keep libc's order, because the client's connects are not seen, nor a port to try
 * endpoints at: a dead one would keep its turn at the head of the answers. Not in a signal handler.
 */
bool pick_shows(uint32_t service, uint64_t key, uint16_t port);

#endif

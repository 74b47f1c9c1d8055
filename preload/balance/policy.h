/* Whose turn it is among the endpoints of a pool: the one question that a policy answers.
 *
 * A policy is a file of its own, which policy_next calls; today it is the rotation (rotation.h).
 * Any thread, any signal handler; no lock, no allocation. */
#ifndef LBDNS_BALANCE_POLICY_H
#define LBDNS_BALANCE_POLICY_H

#include "balance/skips.h"
#include "base/address.h"

#include <stdint.h>

/* The endpoints among which it is somebody's turn, on a port. */
struct candidates {
	const struct address *endpoints; /* sorted; of a snapshot, so read word by word */
	uint32_t count;                  /* above 0 */
	uint32_t port;                   /* as in struct peer */
	uint64_t key;                    /* address_set_key of the endpoints */
	uint64_t now_ms;                 /* clock_ms */
};

/* What becomes of the turn. */
enum turn {
	TURN_TAKE, /* a connection takes it */
	TURN_PEEK, /* nobody takes it; it may be taken with rotation_take */
	TURN_SHOW, /* a lookup shows it: the next one after each lookup since the last connection */
	TURN_PREVIEW /* nobody takes it, and shared memory may only be read: for programs that look
	              */
};

/* Returns the index of the endpoint that is next, among those that are not passed over. *ticket is
 * set by TURN_PEEK, for rotation_take, and may be NULL otherwise. */
uint32_t policy_next(const struct candidates *among, const struct skips *skips, enum turn turn,
                     uint64_t *ticket);

/* The next picks of a pool, as a program that looks sees them: its own connections take no turn. */
struct preview {
	struct skips skips;    /* the ejected endpoints */
	uint32_t count, first; /* the others, and which of them is next */
};

struct preview policy_preview(const struct candidates *among);

/* Returns the index of the endpoint that has the turn after so many others. */
uint32_t policy_preview_index(const struct preview *preview, uint32_t turn);

#endif

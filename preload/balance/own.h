/* Endpoints that this process alone passes over, for LBDNS_EJECT: those that it cannot connect to
 * for a reason of its own (a route, a firewall's rule, no port left), which says nothing of the
 * endpoint to anybody else; and those of which nobody but this process complains.
 *
 * They may be all but one of a pool, as refusing ones may. A forked child begins with none. A port
 * is as in struct peer, now_ms is clock_ms. Any thread, any signal handler; no lock, no allocation.
 */
#ifndef LBDNS_BALANCE_OWN_H
#define LBDNS_BALANCE_OWN_H

#include "base/atomic.h"
#include "base/peer.h"
#include "base/process.h"

#include <stdbool.h>
#include <stdint.h>

struct skips;

/* Returns true if any endpoint may be passed over; never with LBDNS_EJECT=0. One load. */
static inline bool own_any(uint64_t now_ms)
{
	return __builtin_expect(load_relaxed(&process.own_until_ms) > now_ms, 0);
}

/* Returns true if an errno of connect tells of this process: of its routes, its rules, its ports.
 */
bool own_blames(int error);

/* Passes over an endpoint for LBDNS_EJECT from now on; if it is passed over already, that begins
 * anew. Does nothing if LBDNS_EJECT is 0, or OWN_PLACES others are passed over. */
void own_pass(struct peer peer, uint64_t now_ms);

/* Ends the passing over of an endpoint, because this process has connected to it. */
void own_answered(struct peer peer, uint64_t now_ms);

/* Returns true if an endpoint is passed over. */
bool own_has(struct peer peer, uint64_t now_ms);

/* Finds the next endpoint that is passed over, counting from *place, which begins with 0; returns
 * false if there are no more. One may come twice. */
bool own_next(uint32_t *place, uint64_t now_ms, struct peer *peer);

/* Adds those of these endpoints (sorted; read word by word, atomically) that are passed over to
 * *skips, down to the last endpoint. What is ejected for all is not this process's to judge. */
void own_skips(const struct address *endpoints, uint32_t count, uint32_t port, uint64_t now_ms,
               struct skips *skips);

#endif

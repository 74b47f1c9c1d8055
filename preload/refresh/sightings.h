/* Sightings: sockets, of whatever process, that the kernel's table of sockets was seen to have
 * without an answer (refresh/silence.h). The refresh thread only. */
#ifndef LBDNS_REFRESH_SIGHTINGS_H
#define LBDNS_REFRESH_SIGHTINGS_H

#include "base/peer.h"
#include "refresh/sockets.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOOK_EVERY_MS = 100 /* between looks at the table while sockets are without an answer */ };

/* Is anybody seen to wait for the answer of a peer, or too many to tell? */
bool sightings_have(struct peer peer);

/* Returns how many sockets wait, and how long the youngest of them has. */
unsigned sightings_count(uint64_t now_ms, uint64_t *youngest_ms);

/* Begins a look, in which sightings_take gets each socket that waits. */
void sightings_begin(void);

/* Takes one socket that waits. It speaks against its endpoint once it has waited for too long: then
 * this tells learn/result.h, and returns true. */
bool sightings_take(const struct socket_seen *seen, uint64_t now_ms);

/* Ends a look: learns what became of the sockets that do not wait any more. */
void sightings_end(void);

/* Forgets all, where nobody can look any more. */
void sightings_forget(void);

#endif

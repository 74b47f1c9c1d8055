/* Cursors: whose turn it is among the endpoints of a pool, on a port.
 *
 * They live in shared memory (shared/layout.h), so that the processes of a user rotate as one
 * program does.
 *
 * key is the address_set_key of the endpoints; port a port in host order, or'd with
 * PEER_DATAGRAM for UDP; count the number of endpoints, above 0; what is returned is an index
 * below count. Any thread, any signal handler, no lock, no allocation. */
#ifndef LBDNS_BALANCE_ROTATION_H
#define LBDNS_BALANCE_ROTATION_H

#include "base/attributes.h"
#include "base/peer.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- Where cursors are: for rotation.c, and for rotation_pick to be of one piece with connect */

/* Returns the key of a cursor. The key of a pool is mixed already (address_set_key). */
static inline uint64_t rotation_slot_key(uint64_t key, uint32_t port)
{
	return (key ^ (port + 1) * HASH_GOLDEN) | 1;
}

static inline struct cursor *rotation_slot_ways(struct shared *in, uint64_t slot_key)
{
	return &in->cursors[(slot_key >> 40) % SHARED_SETS * SHARED_WAYS];
}

/* Returns where a rotation starts: at random, so that a thousand clients do not begin with the same
 * pod, and a function of the key alone, so that two processes that meet on a new slot agree. 32
 * bits: adding picks must not wrap around. */
static inline uint64_t rotation_slot_start(struct shared *in, uint64_t slot_key)
{
	return (slot_key ^ load_relaxed(&in->seed)) * HASH_GOLDEN >> 32;
}

static inline uint32_t rotation_slot_pick(struct shared *in, struct cursor *slot, uint64_t slot_key,
                                          uint32_t count)
{
	return (uint32_t)((add_relaxed(&slot->picks, 1) + rotation_slot_start(in, slot_key)) %
	                  count);
}

uint32_t rotation_pick_slowly(struct shared *in, uint64_t slot_key, uint32_t count);

/* ---- Turns */

/* Takes the next turn, for one connection, now (clock_ms). Returns the pick. */
static inline uint32_t rotation_pick(uint64_t key, uint32_t port, uint32_t count, uint64_t now_ms)
{
	struct shared *in = shared();
	uint64_t slot_key = rotation_slot_key(key, port);
	struct cursor *first = rotation_slot_ways(in, slot_key);

	/* Almost always the cursor is in the first place, and in use. */
	if (__builtin_expect(load_relaxed(&first->key) == slot_key &&
	                             load_relaxed(&first->used) == clock_tick(now_ms),
	                     1))
		return rotation_slot_pick(in, first, slot_key, count);
	return rotation_pick_slowly(in, slot_key, count);
}

/* Returns whose turn is next, and takes nothing. *turn is for rotation_take. */
uint32_t rotation_peek(uint64_t key, uint32_t port, uint32_t count, uint64_t *turn);

/* Returns whose turn is next, from memory that may only be read: for programs that look. */
uint32_t rotation_next(uint64_t key, uint32_t port, uint32_t count);

/* Returns true if a lookup has listed the next pick first, and no connection has taken it yet. */
bool rotation_is_shown(uint64_t key, uint32_t port);

/* Takes the turn that rotation_peek saw; returns false if somebody else was faster. */
bool rotation_take(uint64_t key, uint32_t port, uint64_t turn);

/* Returns what a lookup lists first: the next pick, or one more for each lookup since the last
 * connection. */
uint32_t rotation_show(uint64_t key, uint32_t port, uint32_t count);

/* Returns the port that a lookup is for: port, or the one last connected if that is 0. */
uint32_t rotation_port(uint64_t key, uint32_t port);

/* What rotation_write_port wrote last, so that only changes are written. rotation.c alone writes
 * it. */
extern HIDDEN _Atomic uint64_t rotation_noted;
void rotation_write_port(uint64_t key, uint32_t port);

/* Records the port last connected. */
static inline void rotation_note_port(uint64_t key, uint32_t port)
{
	if (load_relaxed(&rotation_noted) != key + port)
		rotation_write_port(key, port);
}

/* Returns true if anybody has taken a turn in a pool, on a port. */
bool rotation_is_known(uint64_t key, uint32_t port);

/* Records that a connection which began at began_ms was answered, now (clock_ms), by some endpoint
 * of a pool, while any was doubted (balance/ejection.h). */
void rotation_note_answered(uint64_t key, uint32_t port, uint64_t began_ms, uint64_t now_ms);

/* Returns when rotation_note_answered was last called for a pool (clock_ms); 0: never. */
uint64_t rotation_answered_ms(uint64_t key, uint32_t port);

/* Returns how long the endpoints of a pool usually take to answer (ms); 0 if it is not known,
 * because nobody ever had to wait. */
uint64_t rotation_usual_ms(uint64_t key, uint32_t port);

/* Returns true if a failed connection may be tried again elsewhere, and counts it. Retries are at
 * most a fifth of the recent connections of a pool and port, in all processes, so that clients do
 * not storm the survivors. */
bool rotation_may_retry(uint64_t key, uint32_t port);

#endif

/* Cursors: whose turn it is among the endpoints of a set, on a port.
 *
 * They live in shared memory (shared.h), so that the processes of a user rotate as one program
 * does.
 *
 * key is the pool_key of a set of endpoints; port a port in host order, or'd with ROTATION_DATAGRAM
 * for UDP; count the number of endpoints, above 0; what is returned is an index below count. Any
 * thread, any signal handler, no lock, no allocation. */
#ifndef LBDNS_ROTATION_H
#define LBDNS_ROTATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ROTATION_DATAGRAM = 1 << 16 };

/* Takes the next turn: the pick for one connection, now (clock_ms). */
uint32_t rotation_pick(uint64_t key, uint32_t port, uint32_t count, uint64_t now_ms);

/* Whose turn is next, taking nothing. *turn is for rotation_take. */
uint32_t rotation_peek(uint64_t key, uint32_t port, uint32_t count, uint64_t *turn);

/* The same, of memory that may only be read: for programs that look. */
uint32_t rotation_next(uint64_t key, uint32_t port, uint32_t count);

/* Has a lookup listed the next pick first, and no connection taken it yet? */
bool rotation_is_shown(uint64_t key, uint32_t port);

/* Takes the turn that rotation_peek saw; false if somebody else was faster. */
bool rotation_take(uint64_t key, uint32_t port, uint64_t turn);

/* What a lookup lists first: the next pick, or one more for each lookup since the last connection.
 */
uint32_t rotation_show(uint64_t key, uint32_t port, uint32_t count);

/* The port that a lookup is for: port, or the one last connected if that is 0. */
uint32_t rotation_port(uint64_t key, uint32_t port);

/* What this process wrote last, to write only changes. rotation.c alone writes it. */
extern _Atomic uint64_t rotation_noted;
void rotation_write_port(uint64_t key, uint32_t port);

/* Notes the port last connected. */
static inline void rotation_note_port(uint64_t key, uint32_t port)
{
	if (atomic_load_explicit(&rotation_noted, memory_order_relaxed) != key + port)
		rotation_write_port(key, port);
}

/* May a failed connection be tried again elsewhere? Counts it if so: retries are at most a fifth of
 * the recent connections of a set and port, in all processes, so that clients do not storm the
 * survivors. */
bool rotation_may_retry(uint64_t key, uint32_t port);

#endif

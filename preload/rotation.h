/* Cursors: whose turn it is among the endpoints of a set, on a port.
 *
 * They live in System V shared memory, one segment per user and IPC namespace, so that the
 * processes of a user rotate as one program does; without it (LBDNS_SHARED=off, refused, hostile)
 * in this process's own memory. Nothing read from the segment is trusted: any bytes in it only
 * change whose turn it is.
 *
 * State: one table, chosen by rotation_start; every word in it is an atomic that any process may
 * change.
 *
 * key is the pool_key of a set of endpoints; port a port in host order, or'd with ROTATION_DATAGRAM
 * for UDP; count the number of endpoints, above 0; what is returned is an index below count. All
 * but rotation_start and rotation_check: any thread, any signal handler, no lock, no allocation. */
#ifndef LBDNS_ROTATION_H
#define LBDNS_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

enum { ROTATION_DATAGRAM = 1 << 16 };

/* Takes the next turn: the pick for one connection. */
uint32_t rotation_pick(uint64_t key, uint32_t port, uint32_t count);

/* Whose turn is next, taking nothing. *turn is for rotation_take. */
uint32_t rotation_peek(uint64_t key, uint32_t port, uint32_t count, uint64_t *turn);

/* Has a lookup listed the next pick first, and no connection taken it yet? */
bool rotation_is_shown(uint64_t key, uint32_t port);

/* Takes the turn that rotation_peek saw; false if somebody else was faster. */
bool rotation_take(uint64_t key, uint32_t port, uint64_t turn);

/* What a lookup lists first: the next pick, or one more for each lookup since the last connection.
 * Without a port (0) the cursor of the port last connected, if there is one. */
uint32_t rotation_show(uint64_t key, uint32_t port, uint32_t count);

/* Notes the port last connected. */
void rotation_note_port(uint64_t key, uint32_t port);

/* Attaches the shared segment, once; a few system calls. Not in a signal handler. */
void rotation_start(void);

/* Follows when the segment was removed (ipcrm) and others made a new one. The refresh thread. */
void rotation_check(void);

#endif

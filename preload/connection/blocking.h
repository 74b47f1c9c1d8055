/* Whether the client's sockets block. Nothing but fcntl(2) tells, a client mostly goes on as it
 * has, and a wrong guess shows in how connect(2) ends. Any thread, any signal handler; errno is
 * kept. */
#ifndef LBDNS_CONNECTION_BLOCKING_H
#define LBDNS_CONNECTION_BLOCKING_H

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum blocking {
	BLOCKING_NO,
	BLOCKING_YES,
	BLOCKING_TRUSTED_NOT /* nobody asked: blocking_trusted wants to know how it ended */
};

/* blocking.c alone writes it, but for on_trust. */
extern HIDDEN struct blocking_state {
	_Atomic uint32_t in_a_row; /* sockets that did not block, by fcntl(2) */
	atomic_bool last_blocked;
	atomic_bool on_trust; /* a connect that was taken on trust is under way */
} blocking_state;

enum { BLOCKING_TRUSTED_FROM = 64 };

/* Asks, and remembers. */
bool blocking_ask(int fd);

/* As the last one that blocked, as far as anybody knows: a socket that does not block, taken for
 * one that does, costs system calls and nothing else. The other way round it could cost minutes at
 * a silent endpoint, so sockets are trusted not to block only after many in a row that did not, and
 * one at a time. */
static inline enum blocking blocking_guess(int fd)
{
	if (atomic_load_explicit(&blocking_state.last_blocked, memory_order_relaxed))
		return BLOCKING_YES;
	if (atomic_load_explicit(&blocking_state.in_a_row, memory_order_relaxed) >=
	            BLOCKING_TRUSTED_FROM &&
	    !atomic_exchange_explicit(&blocking_state.on_trust, true, memory_order_relaxed))
		return BLOCKING_TRUSTED_NOT;
	return blocking_ask(fd) ? BLOCKING_YES : BLOCKING_NO;
}

/* Did the last socket not block? False if none was seen. */
bool blocking_is_unlikely(void);

/* A connect on trust has returned, with 0 or an errno. */
void blocking_trusted(int fd, int error);

#endif

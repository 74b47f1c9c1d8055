/* Answers of libc that the client may have by now and that are not taken in yet: those of lookups
 * that libc does in threads of its own (getaddrinfo_a(3)). One may name any address, so that no
 * connection is to be rewritten meanwhile. Any thread, any signal handler. */
#ifndef LBDNS_DIRECTORY_UNSEEN_H
#define LBDNS_DIRECTORY_UNSEEN_H

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many there are: of the requests under way those that libc tells the client about by a signal
 * or a thread, because the client may then read its answer without asking us, and one for ever for
 * each request that found no place; unseen_begin and unseen_end alone write it. */
extern HIDDEN _Atomic uint32_t unseen_count;

/* Counts an answer that the client may be given, and one that has been taken in. */
void unseen_begin(void);
void unseen_end(void);

static inline bool unseen_any(void)
{
	/* Pairs with unseen_begin and unseen_end. */
	return atomic_load_explicit(&unseen_count, memory_order_acquire) != 0;
}

#endif

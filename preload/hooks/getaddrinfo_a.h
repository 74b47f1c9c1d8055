/* Lookups that libc does in threads of its own. */
#ifndef LBDNS_HOOKS_GETADDRINFO_A_H
#define LBDNS_HOOKS_GETADDRINFO_A_H

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern HIDDEN _Atomic uint32_t getaddrinfo_a_open; /* getaddrinfo_a.c alone writes it */

/* Is there an answer that the client may have by now and we have not seen? It may name any address,
 * and no connection is to be rewritten. Any thread, any signal handler. */
static inline bool getaddrinfo_a_unseen(void)
{
	return atomic_load_explicit(&getaddrinfo_a_open, memory_order_acquire) != 0;
}

#endif

/* Lookups that libc does in threads of its own. */
#ifndef LBDNS_GETADDRINFO_A_H
#define LBDNS_GETADDRINFO_A_H

#include <stdbool.h>

/* Is there an answer that the client may have by now and we have not seen? It may name any address,
 * and no connection is to be rewritten. Any thread, any signal handler. */
bool getaddrinfo_a_unseen(void);

#endif

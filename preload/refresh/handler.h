/* Whether this thread runs a signal handler: pthread_create(3) deadlocks in one. */
#ifndef LBDNS_REFRESH_HANDLER_H
#define LBDNS_REFRESH_HANDLER_H

#include <stdbool.h>

/* Returns true if this is surely no signal handler, nor anything that one has called. Costs a call
 * of the kernel for each 512 bytes of stack in use. errno is kept. Any thread, any signal handler.
 */
bool handler_is_none(void);

#endif

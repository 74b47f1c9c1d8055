/* Who this process is among those that share memory with it, and in which network. Any thread, any
 * signal handler; errno is kept. */
#ifndef LBDNS_BASE_IDENTITY_H
#define LBDNS_BASE_IDENTITY_H

#include <stdint.h>

/* Returns a number that this process alone has, of all that share memory with it, and that is not
 * 0. */
uint64_t identity_process(void);

/* Returns a number that those processes have that are in the same network namespace: its inode plus
 * 1; 1 if /proc is not there. It is read once, and again after identity_moved. */
uint64_t identity_network(void);

/* Has identity_network look again, because the process is in another network namespace now. */
void identity_moved(void);

#endif

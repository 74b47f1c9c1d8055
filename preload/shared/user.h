/* Who the process is to the kernel: the ids that libc's geteuid(3) returns may be what another
 * library was told to say (fakeroot). errno is kept. Any thread, any signal handler. */
#ifndef LBDNS_SHARED_USER_H
#define LBDNS_SHARED_USER_H

#include <stdint.h>

/* Returns the effective user, as the process's user namespace numbers it. */
uint32_t user_id(void);

/* Returns the number that a user of this user namespace has outside of it, because several
 * namespaces of an IPC namespace may have a user 0 (unshare -r). It is the same number where /proc
 * does not tell. */
uint32_t user_outside(uint32_t uid);

#endif

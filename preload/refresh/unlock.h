/* What is unlocked after the client's mlockall(2): the tables of this library, the shared memory,
 * and the refresh thread's stack. Code, and what most connections use, stays locked, as the client
 * wants it. What is mapped later is unlocked where it is mapped (base/locked.h). */
#ifndef LBDNS_REFRESH_UNLOCK_H
#define LBDNS_REFRESH_UNLOCK_H

#include <stddef.h>

/* Records what the client has locked (flags of mlockall), and unlocks what is ours. Any thread;
 * errno is kept. */
void unlock_ours(int flags);

/* Records where the stack of the refresh thread is, and unlocks it if it is locked: the size bytes
 * below its frame. The refresh thread, when it begins. */
void unlock_stack(size_t size);

/* Has unlock_ours leave that stack alone, because the thread ends. The refresh thread. */
void unlock_stack_ends(void);

#endif

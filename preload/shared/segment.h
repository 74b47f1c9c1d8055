/* The shared memory (layout.h) of this user, attached; for programs that look, that of another. */
#ifndef LBDNS_SHARED_SEGMENT_H
#define LBDNS_SHARED_SEGMENT_H

#include "base/attributes.h"
#include "base/atomic.h"
#include "shared/layout.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern HIDDEN _Atomic(struct shared *) shared_used; /* segment.c alone writes it */

/* Returns the memory in use: that of this process alone before shared_start; after it the segment,
 * or, where none is to be had, memory that this process shares with the children it forks, or,
 * where that is refused too, has alone. Never NULL. A pointer that was returned stays valid
 * (shared_check). Any thread, any signal handler. */
static inline struct shared *shared(void)
{
	return atomic_load_explicit(&shared_used,
	                            memory_order_acquire); /* pairs with shared_start */
}

/* Attaches the segment of this user, or maps memory in its place, once; some system calls. errno is
 * kept. Any thread, not in a signal handler. */
void shared_start(void);

/* Attaches another segment in the place of one that was removed (ipcrm), which others use by now.
 * The refresh thread. */
void shared_check(void);

/* Attaches the segment of a user in this IPC namespace, for programs that look: it is what shared()
 * returns then, and may be written only if writable. None is created. False, with errno, if there
 * is none of this layout (ENOENT; EEXIST: nor can there be, because all of its keys are taken), or
 * it may not be attached. One thread. */
bool shared_open(uint32_t uid, bool writable);

/* Detaches what shared_open has attached. */
void shared_close(void);

#endif

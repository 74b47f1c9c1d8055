/* mlockall(2): memory of ours that the client locks along with its own is unlocked again. It is
 * large, little of it is used, and what may be locked is counted (RLIMIT_MEMLOCK). Any thread;
 * errno is kept. */
#ifndef LBDNS_BASE_LOCKED_H
#define LBDNS_BASE_LOCKED_H

#include "base/attributes.h"
#include "base/kernel.h"

#include <stdatomic.h>
#include <stddef.h>

/* The client has all memory locked that is mapped from now on (MCL_FUTURE). refresh/unlock.c alone
 * stores it. */
extern HIDDEN atomic_bool locked_future;

/* Unlocks memory. */
static inline void locked_release(const void *memory, size_t size)
{
	kernel_call(SYS_munlock, memory, size);
}

/* Unlocks memory that has just been mapped, if the client has that locked. */
static inline void locked_release_new(const void *memory, size_t size)
{
	if (atomic_load_explicit(&locked_future, memory_order_relaxed))
		locked_release(memory, size);
}

/* Maps memory that is never locked, and all else as kernel_map. */
void *locked_map(size_t size, int flags);

#endif

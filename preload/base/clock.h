/* Time, of a clock that neither jumps nor stops for an exec: milliseconds since boot, a few ms
 * coarse. The kernel is asked, not libc's clock_gettime(3): that may be another library's, whose
 * clock stands still (libfaketime), and what is written down is read by other processes. Any
 * thread, any signal handler. */
#ifndef LBDNS_BASE_CLOCK_H
#define LBDNS_BASE_CLOCK_H

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Reads a clock as clock_gettime(2) does; returns 0, or an errno's negative. errno is kept. It is
 * the vDSO's function (vdso(7)); a system call before clock_start, and where there is no vDSO. */
typedef int (*clock_reader)(clockid_t clock, struct timespec *now);
extern HIDDEN _Atomic(clock_reader) clock_read; /* clock.c alone writes it */

/* Looks for the vDSO's function, in the constructor. */
void clock_start(void);

/* Reads a clock, as clock_reader says. */
static inline int clock_now(clockid_t clock, struct timespec *now)
{
	return atomic_load_explicit(&clock_read, memory_order_relaxed)(clock, now);
}

static inline uint64_t clock_ms(void)
{
	struct timespec now;

	clock_now(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum { CLOCK_TICK_MS = 1024 };

/* Returns a time of clock_ms in ticks of CLOCK_TICK_MS, for where few bits or few changes matter.
 */
static inline uint64_t clock_tick(uint64_t ms)
{
	return ms / CLOCK_TICK_MS; /* a shift */
}

/* How long ago that was; 0 if another thread wrote it after this one read the clock. What lies
 * further ahead is of another boot (a process restored elsewhere): very long ago. */
static inline uint64_t clock_since(uint64_t then_ms, uint64_t now_ms)
{
	enum { AHEAD_MS = 60 * 1000 };

	if (then_ms <= now_ms)
		return now_ms - then_ms;
	return then_ms - now_ms < AHEAD_MS ? 0 : UINT64_MAX;
}

#endif

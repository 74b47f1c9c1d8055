#include "base/wakeup.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/process.h"

#include <errno.h>

static _Atomic uint64_t wake_by_ms; /* the last time that somebody wanted the thread to look by */

void wakeup(void)
{
	int saved_errno = errno;

	atomic_fetch_add(&process.wakes, 1);
	futex_wake(&process.wakes);
	errno = saved_errno;
}

bool wakeup_thread_runs(void)
{
	return atomic_load_explicit(&process.thread, memory_order_relaxed) == THREAD_RUNS;
}

void wakeup_hurry(void)
{
	if (wakeup_thread_runs())
		wakeup();
}

void wakeup_by(uint64_t when_ms)
{
	uint64_t asleep_ms = atomic_load(&process.asleep_ms);

	if (asleep_ms - 1 < when_ms || !wakeup_thread_runs()) /* 0: it is awake */
		return;
	if (when_ms) {
		atomic_store(&wake_by_ms, when_ms);
		/* If it is awake it looks at that before it sleeps (wakeup_sleep). */
		if (atomic_load(&process.asleep_ms) <= when_ms)
			return;
	}
	wakeup();
}

uint32_t wakeup_count(void)
{
	return atomic_load(&process.wakes);
}

void wakeup_sleep(uint64_t when_ms, uint32_t count)
{
	uint64_t now_ms = clock_ms(), by_ms;

	atomic_store(&process.asleep_ms, when_ms);
	/* Not longer than it was woken for, even if there is nothing to look at any more: else each
	 * of a row of connects would wake it. After asleep_ms: pairs with wakeup_by. */
	by_ms = atomic_load(&wake_by_ms);
	if (by_ms > now_ms && by_ms < when_ms) {
		when_ms = by_ms;
		atomic_store(&process.asleep_ms, when_ms);
	}
	/* Whoever asks the thread to leave from now on counts up what it waits for. */
	if (atomic_load(&process.thread) == THREAD_RUNS)
		futex_wait(&process.wakes, count, when_ms > now_ms ? when_ms - now_ms : 0);
	atomic_store(&process.asleep_ms, 0);
}

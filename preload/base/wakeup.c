#include "base/wakeup.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/process.h"

/* When the thread was last asked to look by (clock_ms); 0: never. wakeup_by stores it and then
 * looks at asleep_ms; wakeup_sleep stores asleep_ms and then looks at it: one sees the other. */
static _Atomic uint64_t wake_by_ms;

void wakeup(void)
{
	atomic_fetch_add(&process.wakes, 1);
	futex_wake(&process.wakes);
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

	/* 0 - 1 wraps to the largest number, so that a thread that is awake is not taken for one
	 * that wakes early enough. */
	if (asleep_ms - 1 < when_ms || !wakeup_thread_runs())
		return;
	if (when_ms) {
		atomic_store(&wake_by_ms, when_ms); /* pairs with wakeup_sleep */
		/* A thread that is awake, 0, looks at wake_by_ms before it sleeps. */
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
	static uint64_t seen_ms; /* the last request that the thread has slept for */
	uint64_t now_ms = clock_ms(), by_ms;

	atomic_store(&process.asleep_ms, when_ms);
	/* Sleep no later than the last requested wake-up, even if its reason is gone. Otherwise
	 * each connect in a row would find the thread sleeping too long and wake it, one futex call
	 * each. wake_by_ms is loaded after asleep_ms is stored: pairs with wakeup_by. */
	by_ms = atomic_load(&wake_by_ms);
	if (by_ms != seen_ms && by_ms <= now_ms)
		seen_ms = when_ms = by_ms; /* asked for while the thread was kept from looking */
	else if (by_ms > now_ms && by_ms < when_ms) {
		seen_ms = by_ms;
		when_ms = by_ms;
		atomic_store(&process.asleep_ms, when_ms);
	}
	/* Who asks the thread to end from now on raises process.wakes, for which it waits. */
	if (atomic_load(&process.thread) == THREAD_RUNS)
		futex_wait(&process.wakes, count, when_ms > now_ms ? when_ms - now_ms : 0);
	atomic_store(&process.asleep_ms, 0);
}

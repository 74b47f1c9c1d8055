#include "process.h"

#include "libc.h"
#include "libc_versions.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

enum {
	PAGE = 65536
}; /* the largest page of any system we run on: the wiped pages hold nothing else */

static _Alignas(PAGE) union {
	struct process process;
	char page[PAGE];
} area;

extern struct process process __attribute__((alias("area")));

static void process_forked(void)
{
	atomic_store(&process.writing, false);
	atomic_store(&process.thread, THREAD_NONE);
	atomic_store(&process.leave, false);
	atomic_store(&process.asleep_ms, 0);
	atomic_store(&process.refused_ms, 0);
}

void process_start(void)
{
	static atomic_bool started;
	int saved_errno = errno;

	if (atomic_load(&started))
		return;
	madvise(&area, sizeof(area), MADV_WIPEONFORK); /* Linux 4.14 */
	libc_at_fork_child(process_forked);
	/* Last: a fork between these lines leaves a child that does it again, which is harmless. */
	atomic_store(&started, true);
	errno = saved_errno;
}

bool process_trylock(struct process_lock *lock)
{
	sigset_t all;

	process_start(); /* before anything is held that a child must not inherit */
	sigfillset(&all);
	/* pthread_sigmask leaves the signals alone that glibc sends itself for setuid and
	 * cancellation. */
	pthread_sigmask(SIG_SETMASK, &all, &lock->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &lock->cancel_state);
	if (!atomic_exchange_explicit(&process.writing, true, memory_order_acquire))
		return true;
	pthread_setcancelstate(lock->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &lock->signals, NULL);
	return false;
}

void process_unlock(const struct process_lock *lock)
{
	atomic_store_explicit(&process.writing, false, memory_order_release);
	pthread_setcancelstate(lock->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &lock->signals, NULL);
}

#include "learn/writer.h"

#include "base/libc_versions.h"
#include "base/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

bool writer_trylock(struct writer_lock *lock)
{
	sigset_t all;

	process_start(); /* before anything is held that a child must not inherit */
	if (!process_is_own())
		return false;
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

void writer_unlock(const struct writer_lock *lock)
{
	atomic_store_explicit(&process.writing, false, memory_order_release);
	pthread_setcancelstate(lock->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &lock->signals, NULL);
}

#include "learn/writer.h"

#include "base/process.h"

#include <stdatomic.h>

bool writer_trylock(struct writer_lock *lock)
{
	process_start(); /* before anything is held that a child must not inherit */
	if (!process_is_own())
		return false;
	/* Those of libc's too, by which a thread is cancelled: they only wait for the unlock. */
	if (!signals_block(~(signal_set)0, &lock->signals))
		return false;
	if (!atomic_exchange_explicit(&process.writing, true, memory_order_acquire))
		return true;
	signals_restore(lock->signals);
	return false;
}

void writer_unlock(const struct writer_lock *lock)
{
	atomic_store_explicit(&process.writing, false, memory_order_release);
	signals_restore(lock->signals);
}

/* The right to write the directory: one writer at a time in a process. Any thread, not in a signal
 * handler. */
#ifndef LBDNS_LEARN_WRITER_H
#define LBDNS_LEARN_WRITER_H

#include "base/signals.h"

#include <stdbool.h>

/* What writer_unlock restores. */
struct writer_lock {
	signal_set signals;
};

/* Takes the right to write. Until writer_unlock all signals are blocked, libc's own too, so that
 * the right can neither be left by siglongjmp nor die with its thread (nothing that is called
 * meanwhile is a point of cancellation). Returns false if another thread has it (come again, or do
 * without), or if the memory is another process's (vfork). */
bool writer_trylock(struct writer_lock *lock);

/* Gives back the right to write. */
void writer_unlock(const struct writer_lock *lock);

#endif

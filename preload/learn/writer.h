/* The right to write the directory: one writer at a time in a process. Any thread, not in a signal
 * handler. */
#ifndef LBDNS_LEARN_WRITER_H
#define LBDNS_LEARN_WRITER_H

#include <signal.h>
#include <stdbool.h>

/* What writer_unlock restores. */
struct writer_lock {
	sigset_t signals;
	int cancel_state;
};

/* Takes the right to write. Until writer_unlock signals are blocked and cancellation is off, so
 * that the right can neither be left by siglongjmp nor die with its thread. Returns false if
 * another thread has it (come again, or do without), or if the memory is another process's (vfork).
 */
bool writer_trylock(struct writer_lock *lock);

/* Gives back the right to write. */
void writer_unlock(const struct writer_lock *lock);

#endif

/* The right to write the directory: one writer at a time in a process. Any thread, not in a signal
 * handler. */
#ifndef LBDNS_LEARN_WRITER_H
#define LBDNS_LEARN_WRITER_H

#include <signal.h>
#include <stdbool.h>

/* What writer_unlock gives back. */
struct writer_lock {
	sigset_t signals;
	int cancel_state;
};

/* The right to write: signals are blocked and cancellation is off while it is held, so that it can
 * neither be left by siglongjmp nor die with its thread. false if somebody else has it: come again
 * or do without; or if the memory is not this process's. Any thread, not in a signal handler. */
bool writer_trylock(struct writer_lock *lock);
void writer_unlock(const struct writer_lock *lock);

#endif

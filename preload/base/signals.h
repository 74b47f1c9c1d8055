/* Signals of the calling thread, blocked by the kernel's own call: pthread_sigmask(3) may be
 * another library's. Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_BASE_SIGNALS_H
#define LBDNS_BASE_SIGNALS_H

#include "base/kernel.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* The kernel's sigset_t: the bit of a signal is signal_bit. */
typedef uint64_t signal_set;

/* Returns the set of one signal. */
static inline signal_set signal_bit(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

/* Returns the signals by which libc has its threads change their ids (setuid(3), which waits for
 * all of them), be cancelled, and tell of timers: 32 and 33 in glibc, 32 to 34 in musl. No thread
 * may block these for long. */
static inline signal_set signals_of_libc(void)
{
	return signal_bit(32) | signal_bit(33) | signal_bit(34);
}

/* Blocks these signals too, and stores in `before` which were blocked. Returns false, and blocks
 * none, if a filter refuses. */
static inline bool signals_block(signal_set signals, signal_set *before)
{
	return !kernel_call(SYS_rt_sigprocmask, SIG_BLOCK, &signals, before, sizeof(signals));
}

/* Has those signals blocked that were before signals_block. */
static inline void signals_restore(signal_set before)
{
	kernel_call(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

#endif

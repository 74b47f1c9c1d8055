/* The background thread that asks DNS again: one per process, started only when there is something
 * to refresh.
 *
 * State: whether it runs is in process.h; everything else is the thread's own. errno is kept by all
 * of these. */
#ifndef LBDNS_REFRESH_THREAD_H
#define LBDNS_REFRESH_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* There is a managed name: starts the thread if it does not run, and has it look again at what is
 * due if it does and look_again is true. Not in a signal handler. */
void thread_want(bool look_again);

/* A client met a pool that was last checked so long ago, by its interval. Wakes the thread if it
 * sleeps on because nobody used the pool for so long (LBDNS_IDLE); starts it if it does not run and
 * the caller's signal mask is empty: pthread_create deadlocks in a signal handler. Any thread, any
 * signal handler. */
void thread_nudge(uint64_t age_ms, uint64_t interval_ms);

/* Ends the thread, if it runs: it starts anew when it is needed. False if it did not run, or has
 * not ended after a second. Any thread; not in a signal handler. */
bool thread_stop(void);

/* Before the main thread is gone: ends the thread, and waits for it. The last of a client's threads
 * ends the process, in exit(3), and would not be the last one beside ours. From then on it is as if
 * no thread could be had. */
void thread_main_ends(void);

/* True while no thread can be had, and then nothing is fresher than the last answer of libc. */
bool thread_is_refused(void);

#endif

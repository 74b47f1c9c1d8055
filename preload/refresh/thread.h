/* The refresh thread, which asks DNS again: one in a process, started only when there is something
 * to refresh. Whether it runs is in base/process.h; all other state is its own. errno is kept. */
#ifndef LBDNS_REFRESH_THREAD_H
#define LBDNS_REFRESH_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the thread if it does not run, because there is a managed name now. If it runs and
 * look_again is true, has it look again at what is due. Not in a signal handler. */
void thread_want(bool look_again);

/* Has the refresh of a pool that is overdue done, because a client has met that pool. age_ms is how
 * long ago the pool was last checked, interval_ms its interval. The thread is woken if it sleeps on
 * because nobody used the pool for LBDNS_IDLE. It is started if it does not run and this is surely
 * no signal handler (refresh/handler.h), because pthread_create(3) deadlocks in one. Any thread,
 * any signal handler. */
void thread_nudge(uint64_t age_ms, uint64_t interval_ms);

/* Ends the thread, if it runs, and waits for that; it starts anew when it is needed. Returns false
 * if it did not run, or has not ended after a second. Any thread; not in a signal handler. */
bool thread_stop(void);

/* Ends the thread for good, and waits for that, because the main thread is about to end: the last
 * of a client's threads ends the process, in exit(3), and beside ours it would not be the last.
 * From then on thread_is_refused. The main thread. */
void thread_main_ends(void);

/* Returns true while no thread can be had. Then nothing is fresher than the last answer of libc. */
bool thread_is_refused(void);

/* Ends the refresh thread, and lets none start until thread_release: what the client is about to
 * do to itself would not reach it, or would find it in the way. Returns false, and does nothing, in
 * a child of vfork(2), whose memory is its parent's. errno is kept. Any thread; in a signal handler
 * too. */
bool thread_hold(void);

/* Lets the refresh thread start again, at once if one was ended and this is surely no signal
 * handler; or, if for_good, never again in this process and its children: a filter of the client's
 * may kill for what a new thread does. */
void thread_release(bool for_good);

#endif

/* What belongs to one process and no child of it: the right to write, and the state of the refresh
 * thread.
 *
 * struct process is alone on a page that the kernel wipes in a child (MADV_WIPEONFORK), so that no
 * system call is needed to find out; where the kernel does not know that, an atfork handler does
 * it. All zero is a process that has just begun. Each room keeps its fields there, and only it
 * writes them. */
#ifndef LBDNS_BASE_PROCESS_H
#define LBDNS_BASE_PROCESS_H

#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum process_thread {
	THREAD_NONE,
	THREAD_RUNS,
	THREAD_STOPPING, /* it was asked to end, and will */
	THREAD_REFUSED   /* it could not be had: not tried again for a while (refused_ms) */
};

enum { OWN_PLACES = 32 }; /* endpoints that a process alone passes over (balance/own.h) */

/* All atomics are sequentially consistent where no other order is named here. Times are clock_ms.
 */
struct process {
	/* base/process.c */

	/* Whose memory this is, a process id; 0: not known yet. */
	_Atomic uint32_t owner;
	/* The main thread has ended, and others go on. thread_main_ends stores it and then looks at
	 * `thread`; thread_start stores `thread` and then looks at it: one sees the other. */
	atomic_bool main_ended;

	/* balance/own.c: its LAYOUT says what the words of a place are. */

	struct own_place {
		_Atomic uint64_t until_ms, high, low, port;
	} own_places[OWN_PLACES];
	/* No place is passed over for longer (clock_ms). Relaxed. */
	_Atomic uint64_t own_until_ms;

	/* learn/writer.c */

	/* Somebody holds the right to write the directory. Taken by an acquire, which pairs with
	 * the release by which it is given back. */
	atomic_bool writing;

	/* refresh/silence.c and cut.c */

	/* The refresh thread can get at the client's sockets, and set TCP_SYNCNT on them.
	 * Connections read it relaxed. silence_begin stores it and then looks at
	 * inflight_is_limit_refused; inflight_limit_never stores that and then this: so it ends
	 * false. */
	atomic_bool may_limit;
	/* The refresh thread can see the sockets of this network namespace (refresh/sockets.h). */
	atomic_bool sees_silence;
	/* A refresh thread has looked at the connects under way; false: those in the table may be
	 * of the process that this one was forked from. */
	atomic_bool has_watched;

	/* refresh/thread.c */

	/* enum process_thread. Relaxed where nothing follows from it but a wake. */
	_Atomic uint32_t thread;
	/* How many threads are in thread_hold: none may start the refresh thread meanwhile.
	 * thread_hold adds to it and then looks at `thread`; thread_start stores `thread` and then
	 * looks at it: one sees the other. */
	_Atomic uint32_t holds;
	/* thread_hold has ended a thread: thread_release is to start one again. */
	atomic_bool was_held;
	/* The kernel's id of the last refresh thread that ended; 0: none has. Stored before
	 * THREAD_NONE, so that thread_stop, which sees that, knows whom to wait for. */
	_Atomic uint32_t ended_id;
	/* When the thread was refused, while `thread` is THREAD_REFUSED. */
	_Atomic uint64_t refused_ms;

	/* base/wakeup.c */

	/* How often the refresh thread was woken: the futex that it sleeps on. */
	_Atomic uint32_t wakes;
	/* Until when the refresh thread sleeps; 0: it is awake. Pairs with wake_by_ms (wakeup.c).
	 */
	_Atomic uint64_t asleep_ms;
};

extern HIDDEN struct process process;

/* Prepares the page and the atfork handler, once; errno is kept. Not in a signal handler. */
void process_start(void);

/* Has `ends` called, in the main thread, when that ends and the process goes on: by
 * pthread_exit(3), thrd_exit(3) or pthread_cancel(3). Once, in the constructor. */
void process_watch_main(void (*ends)(void));

/* Returns false in a child of vfork(2), and wherever else the memory is another process's: then
 * nothing may be held or started, because it would be in that process. Any thread, any signal
 * handler. */
bool process_is_own(void);

#endif

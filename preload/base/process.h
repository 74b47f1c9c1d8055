/* What belongs to one process and no child of it: the right to write, and whether the refresh
 * thread runs.
 *
 * The state is one page that the kernel wipes in a child (MADV_WIPEONFORK, no system call to find
 * out); where the kernel does not, an atfork handler does it. All zero is a process that has just
 * begun. */
#ifndef LBDNS_BASE_PROCESS_H
#define LBDNS_BASE_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* leaves: it was asked to end, and will. */
enum process_thread { THREAD_NONE, THREAD_RUNS, THREAD_LEAVES, THREAD_REFUSED };

struct process {
	_Atomic uint32_t owner;      /* whose memory this is, a process id; 0: not known yet */
	atomic_bool main_ended;      /* the main thread has, and others go on */
	atomic_bool writing;         /* somebody holds the right to write the directory */
	atomic_bool cuts;            /* the refresh thread can get at the client's sockets */
	atomic_bool watched;         /* a refresh thread has looked at what is pending */
	_Atomic uint32_t thread;     /* enum process_thread */
	_Atomic uint32_t left;       /* the kernel's id of the last one that ended */
	_Atomic uint32_t wakes;      /* the futex that the refresh thread sleeps on */
	_Atomic uint64_t asleep_ms;  /* until when the refresh thread sleeps; 0: it is awake */
	_Atomic uint64_t refused_ms; /* when the thread was refused */
};

extern struct process process;

/* Prepares the page and the atfork handler, once. Not in a signal handler. */
void process_start(void);

/* Has ends called when the main thread ends and the process goes on: by pthread_exit(3),
 * thrd_exit(3) or pthread_cancel(3), in that thread. Once, in the constructor. */
void process_watch_main(void (*ends)(void));

/* False in a child of vfork(2), and wherever else the memory is another process's: nothing may be
 * held or started here, as it would be in that one. Any thread, any signal handler. */
bool process_is_own(void);

#endif

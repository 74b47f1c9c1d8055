#include "refresh/thread.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/futex.h"
#include "base/kernel.h"
#include "base/libc.h"
#include "base/libc_versions.h"
#include "base/process.h"
#include "base/signals.h"
#include "base/wakeup.h"
#include "directory/singles.h"
#include "learn/from_libc.h"
#include "learn/listed.h"
#include "refresh/fd_table.h"
#include "refresh/handler.h"
#include "refresh/privileges.h"
#include "refresh/probe.h"
#include "refresh/queries.h"
#include "refresh/silence.h"
#include "refresh/unlock.h"
#include "refresh/untold.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

enum {
	WATCH_MS = 50,          /* while queries are under way, how often wakes are looked for */
	BUSY_MS = 1,            /* before a directory that another thread writes is tried again */
	STOP_MS = 1000,         /* how long thread_stop waits */
	HOLD_MS = 10 * 1000,    /* how long thread_hold does; later libc may end the client */
	EXIT_MS = 100,          /* and then for an ended thread that the kernel still knows */
	REFUSED_MS = 60 * 1000, /* before a thread that was refused is tried again */
	HANDLERS_MS = 100,      /* before the stack of a thread is looked at again */
	STACK_SIZE = 256 * 1024,
	STACK_TOP = 32 * 1024,  /* of it, what libc and this thread's first frames have */
	STACK_GRAIN = 64 * 1024 /* the largest page of any system we run on */
};

/* ---- The thread */

static char client_name[16];    /* of the thread that started this one (PR_GET_NAME) */
static atomic_bool end_queries; /* set by fd_table_run_apart: work() is to return soon */
static uint32_t wakes_seen;     /* wakeup_count, before work() looked at what is due */
static uint64_t next_ms;        /* when to look again */

static bool goes_on(void)
{
	return atomic_load(&process.thread) == THREAD_RUNS;
}

/* Has names of one address that are still connected to refreshed. */
static void learn_singles(void)
{
	struct single single;

	while (singles_any() && singles_take(&single))
		while (!learn_single(&single))
			futex_sleep(BUSY_MS);
}

/* Does all that is due, until no query is under way any more; then next_ms is right. */
static void work(void)
{
	for (;;) {
		uint64_t now_ms = clock_ms(), watch_ms, probe_ms, untold_ms;

		/* Before looking at what is due, so that a wake that comes after is not slept
		 * through. */
		wakes_seen = wakeup_count();
		while (listed_wanted() && !listed_add())
			futex_sleep(BUSY_MS);
		learn_singles();
		next_ms = queries_start(now_ms);
		watch_ms = silence_watch(now_ms);
		untold_ms = untold_step(now_ms);
		probe_ms = probe_step(now_ms);
		if (!queries_any()) {
			next_ms = watch_ms < next_ms ? watch_ms : next_ms;
			next_ms = probe_ms < next_ms ? probe_ms : next_ms;
			next_ms = untold_ms < next_ms ? untold_ms : next_ms;
			return;
		}
		if (atomic_load(&end_queries) || !goes_on())
			break;
		if (probe_ms < next_ms)
			next_ms = probe_ms > now_ms ? probe_ms : now_ms;
		queries_step(next_ms - now_ms < WATCH_MS ? (int)(next_ms - now_ms) : WATCH_MS);
	}
	queries_drop();
	next_ms = 0; /* look again at once, and ask anew */
}

static void refuse(void)
{
	atomic_store(&process.refused_ms, clock_ms());
	atomic_store(&process.thread, THREAD_REFUSED);
}

static void note_ended(void)
{
	unlock_stack_ends();
	atomic_store(&process.ended_id, (uint32_t)kernel_call(SYS_gettid));
}

static void *thread_main(void *unused)
{
	bool keep_stderr = config.log >= LOG_WARN && !config.log_file;
	bool has_own_table;

	(void)unused;
	unlock_stack(STACK_SIZE - STACK_TOP);
	has_own_table = fd_table_unshare(keep_stderr);
	if (has_own_table)
		privileges_look();
	else
		fd_table_run_apart(privileges_look, &end_queries, keep_stderr);
	privileges_drop();
	probe_begin(has_own_table);
	silence_begin(has_own_table);
	kernel_call(SYS_prctl, PR_GET_NAME, client_name, 0, 0, 0);
	kernel_call(SYS_prctl, PR_SET_NAME, "lbdns", 0, 0, 0);
	queries_begin(client_name);
	while (goes_on()) {
		if (has_own_table) {
			work();
		} else if (!fd_table_run_apart(work, &end_queries, keep_stderr)) {
			note_ended();
			refuse();
			return NULL;
		}
		wakeup_sleep(next_ms, wakes_seen);
	}
	silence_end();
	note_ended();
	atomic_store(&process.thread, THREAD_NONE);
	return NULL;
}

/* ---- Starting and waking it */

/* Returns how large a stack the thread wants: STACK_SIZE beside the client's thread-local storage,
 * which glibc takes from the stack. */
static size_t stack_wanted(void)
{
	size_t taken = libc()->minimum_stack ? libc()->minimum_stack(NULL) : 0;

	return STACK_SIZE + (taken + STACK_GRAIN - 1) / STACK_GRAIN * STACK_GRAIN;
}

static int thread_create(pthread_t *thread, size_t stack_size)
{
	pthread_attr_t attributes;
	int error = libc()->pthread_create ? pthread_attr_init(&attributes) : ENOSYS;

	if (error)
		return error;
	if (stack_size)
		libc()->pthread_attr_setstacksize(&attributes, stack_size);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = libc()->pthread_create(thread, &attributes, thread_main, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

/* A filter of the client's own is in place: see thread_release. Children inherit both. */
static atomic_bool never;

/* May a thread be started, if `thread` is the state of process.thread? */
static bool may_start(uint32_t thread)
{
	if (thread == THREAD_REFUSED &&
	    clock_since(atomic_load(&process.refused_ms), clock_ms()) < REFUSED_MS)
		return false;
	return thread != THREAD_RUNS && thread != THREAD_STOPPING && !atomic_load(&never) &&
	       !atomic_load(&process.holds) && !atomic_load(&process.main_ended) &&
	       process_is_own();
}

/* Starts the thread, if there may be one. In a lookup resolv.conf is read first, because the
 * client's next call may be chroot(2); a child that starts its thread in connect(2) has read its
 * parent's. */
static void thread_start(bool in_lookup)
{
	uint32_t state = atomic_load(&process.thread);
	int saved_errno = errno;
	signal_set before;
	pthread_t thread;
	int cancel_type;

	/* Before THREAD_RUNS is stored, because a siglongjmp between that and pthread_create would
	 * leave a thread that is said to run and does not. The thread inherits what is blocked. */
	if (!may_start(state) || !signals_block(~signals_of_libc(), &before))
		return;
	/* A thread that is cancelled asynchronously, in connect, must not leave libc's locks held.
	 * Not by pthread_setcancelstate, because glibc (2.36) forgets PTHREAD_CANCELED where it
	 * cancels at the end of that. */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &cancel_type);
	process_start();
	if (atomic_compare_exchange_strong(&process.thread, &state, THREAD_RUNS)) {
		if (in_lookup)
			queries_read_conf();
		if (atomic_load(&process.holds)) /* pairs with thread_hold */
			atomic_store(&process.thread, THREAD_NONE);
		else if (atomic_load(&process.main_ended) || /* pairs with thread_main_ends */
		         (thread_create(&thread, stack_wanted()) && thread_create(&thread, 0)))
			refuse();
	}
	pthread_setcanceltype(cancel_type, &cancel_type);
	signals_restore(before);
	errno = saved_errno;
}

void thread_want(bool look_again)
{
	if (!wakeup_thread_runs())
		thread_start(true);
	else if (look_again)
		wakeup();
}

/* Has the kernel still got the thread of this id? Until it is gone it counts, for the kernel and
 * for libc. */
static bool is_thread(uint32_t id)
{
	return id && !kernel_call(SYS_tgkill, kernel_call(SYS_getpid), id, 0);
}

/* Ends the thread, and waits for that, but not for longer than limit_ms. Returns false if there is
 * none, or it goes on. It is not joined, because several may wait for it, and another one start
 * meanwhile. */
static bool stop(unsigned limit_ms)
{
	uint32_t state = THREAD_RUNS;

	if (!process_is_own() ||
	    (!atomic_compare_exchange_strong(&process.thread, &state, THREAD_STOPPING) &&
	     state != THREAD_STOPPING))
		return false;
	wakeup();
	for (unsigned ms = 0; ms < limit_ms && (atomic_load(&process.thread) == THREAD_STOPPING ||
	                                        is_thread(atomic_load(&process.ended_id)));
	     ms++)
		futex_sleep(1);
	return atomic_load(&process.thread) != THREAD_STOPPING;
}

bool thread_stop(void)
{
	return stop(STOP_MS);
}

void thread_main_ends(void)
{
	atomic_store(&process.main_ended, true); /* pairs with thread_start */
	thread_stop();
}

bool thread_is_refused(void)
{
	return atomic_load_explicit(&process.thread, memory_order_relaxed) == THREAD_REFUSED ||
	       atomic_load_explicit(&never, memory_order_relaxed) ||
	       atomic_load_explicit(&process.main_ended, memory_order_relaxed);
}

/* Returns true if this is surely no signal handler. If it may be one, the answer to this thread
 * (known by where its errno is) is no for HANDLERS_MS without looking again. */
static bool is_no_handler(void)
{
	static _Atomic uint64_t refused_ms;
	static _Atomic uintptr_t refused_thread;
	uint64_t now_ms = clock_ms(), before_ms = atomic_load(&refused_ms);

	if (before_ms && clock_since(before_ms, now_ms) < HANDLERS_MS &&
	    atomic_load(&refused_thread) == (uintptr_t)&errno)
		return false;
	if (handler_is_none())
		return true;
	atomic_store(&refused_thread, (uintptr_t)&errno);
	atomic_store(&refused_ms, now_ms);
	return false;
}

bool thread_hold(void)
{
	if (!process_is_own())
		return false;
	atomic_fetch_add(&process.holds, 1); /* pairs with thread_start */
	/* One that has ended by itself, or is said to, is libc's until the kernel forgets it. */
	if (stop(HOLD_MS))
		atomic_store(&process.was_held, true);
	else
		for (unsigned ms = 0; ms < EXIT_MS && is_thread(atomic_load(&process.ended_id));
		     ms++)
			futex_sleep(1);
	atomic_store(&process.ended_id, 0);
	return true;
}

void thread_release(bool for_good)
{
	if (for_good)
		atomic_store(&never, true);
	/* Under a filter that kills for what is_no_handler asks, nothing may be asked. */
	if (atomic_fetch_sub(&process.holds, 1) == 1 && atomic_exchange(&process.was_held, false) &&
	    !atomic_load(&never) && is_no_handler())
		thread_start(false);
}

void thread_nudge(uint64_t age_ms, uint64_t interval_ms)
{
	if (age_ms <= interval_ms)
		return;
	if (!wakeup_thread_runs()) {
		if (may_start(atomic_load(&process.thread)) && is_no_handler())
			thread_start(false);
	} else if (atomic_load(&process.asleep_ms) > clock_ms()) {
		wakeup(); /* it sleeps as if nobody used this name */
	}
}

#include "base/process.h"

#include "base/fork.h"
#include "base/kernel.h"
#include "base/libc.h"

#include <errno.h>
#include <pthread.h>

/* The largest page of any system we run on: the wiped pages hold nothing else. */
enum { PAGE = 65536 };

static _Alignas(PAGE) union {
	struct process process;
	char page[PAGE];
} area;

extern struct process process __attribute__((alias("area")));

/* A value of the main thread's, set while it runs, because libc calls a key's destructor however
 * the thread ends, and not when the process does. */
static pthread_key_t main_key;
static atomic_bool has_main_key;
static void (*main_ends)(void);

static uint32_t own_id(void)
{
	return (uint32_t)kernel_call(SYS_getpid);
}

/* The address of errno in the thread that has main_key's value, which no other thread shares; NULL:
 * none has it. A forked child has the memory of the thread that forked, and its values. */
static _Atomic(int *) marked_errno;

/* Gives the main thread main_key's value. In the child of a thread other than the first this is a
 * call into libc, by a name that others may hook: libc alone can tell that a thread has ended. */
static void mark_main(void)
{
	if (atomic_load(&marked_errno) != &errno && atomic_load(&has_main_key) &&
	    (uint32_t)kernel_call(SYS_gettid) == own_id() &&
	    !libc()->pthread_setspecific(main_key, &area))
		atomic_store(&marked_errno, &errno);
}

static void process_forked(void)
{
	atomic_store(&process.owner, own_id());
	atomic_store(&process.main_ended, false);
	atomic_store(&process.writing, false);
	atomic_store(&process.may_limit, false);
	atomic_store(&process.has_watched, false);
	atomic_store(&process.thread, THREAD_NONE);
	atomic_store(&process.holds, 0);
	atomic_store(&process.was_held, false);
	atomic_store(&process.ended_id, 0);
	atomic_store(&process.asleep_ms, 0);
	atomic_store(&process.refused_ms, 0);
	atomic_store(&process.own_until_ms, 0);
	for (int i = 0; i < OWN_PLACES; i++)
		atomic_store(&process.own_places[i].until_ms, 0);
	fork_child();
	mark_main();
}

void process_start(void)
{
	static atomic_bool started;
	int saved_errno = errno;

	if (atomic_load(&started))
		return;
	kernel_call(SYS_madvise, &area, sizeof(area), MADV_WIPEONFORK); /* Linux 4.14 */
	libc_at_fork_child(process_forked);
	process_is_own();
	mark_main();
	/* Last: a fork between these lines leaves a child that does it again, which is harmless. */
	atomic_store(&started, true);
	errno = saved_errno;
}

static void on_main_end(void *unused)
{
	(void)unused;
	main_ends();
}

void process_watch_main(void (*ends)(void))
{
	main_ends = ends;
	if (libc()->pthread_key_create && !libc()->pthread_key_create(&main_key, on_main_end))
		atomic_store(&has_main_key, true);
	mark_main();
}

bool process_is_own(void)
{
	uint32_t owner = 0, id = own_id();

	return atomic_compare_exchange_strong(&process.owner, &owner, id) || owner == id;
}

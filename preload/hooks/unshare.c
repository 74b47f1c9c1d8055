/* unshare and setns: a client whose only thread but ours calls them is, as far as it knows, of one
 * thread, and the kernel wants that for a user namespace (unshare(2), setns(2)). And in another
 * network what DNS said in this one is not to be believed. */
#include "hooks/hook.h"
#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/futex.h"
#include "base/libc.h"
#include "base/process.h"
#include "directory/service.h"
#include "refresh/thread.h"

#include <errno.h>
#include <sched.h>

enum {
	TRIES = 50, /* a thread that has ended is one of the process for a moment more */
	TRY_MS = 1
};

static int without_thread(int (*call)(int, int), int first, int second)
{
	int saved_errno = errno, result;
	bool left = thread_stop();

	result = call(first, second);
	for (int i = 0; left && result && errno == EINVAL && i < TRIES; i++) {
		futex_sleep(TRY_MS);
		result = call(first, second);
	}
	if (!result)
		errno = saved_errno;
	return result;
}

/* Not for what a child of vfork did to itself: the memory is its parent's. */
static void distrust(void)
{
	if (process_is_own())
		service_invalidate_all();
}

static SELDOM int call_unshare(int flags, int unused)
{
	(void)unused;
	return libc()->unshare(flags);
}

HOOK SELDOM int unshare(int flags)
{
	int result;

	if (flags & CLONE_FILES)
		inflight_limit_never();
	if (!(flags & (CLONE_NEWUSER | CLONE_NEWNET | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)))
		return libc()->unshare(flags);
	result = without_thread(call_unshare, flags, 0);
	if (!result && flags & CLONE_NEWNET)
		distrust();
	return result;
}

static SELDOM int call_setns(int fd, int kind)
{
	return libc()->setns(fd, kind);
}

HOOK SELDOM int setns(int fd, int kind)
{
	int result = without_thread(call_setns, fd, kind);

	if (!result && (!kind || kind & CLONE_NEWNET))
		distrust();
	return result;
}

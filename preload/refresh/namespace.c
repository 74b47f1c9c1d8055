#include "refresh/namespace.h"

#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/futex.h"
#include "base/identity.h"
#include "base/process.h"
#include "directory/service.h"
#include "refresh/thread.h"

#include <errno.h>

enum {
	TRIES = 50, /* a thread that has ended is one of the process for a moment more */
	TRY_MS = 1
};

SELDOM int namespace_change(int (*call)(int, int), int first, int second, bool is_network)
{
	int saved_errno = errno, result;
	bool stopped = thread_stop();

	result = call(first, second);
	for (int i = 0; stopped && result && errno == EINVAL && i < TRIES; i++) {
		futex_sleep(TRY_MS);
		result = call(first, second);
	}
	if (result)
		return result;
	errno = saved_errno;
	/* Not for what a child of vfork(2) did to itself, because the memory is its parent's. */
	if (is_network && process_is_own()) {
		identity_moved();
		service_invalidate_all();
	}
	return 0;
}

SELDOM void namespace_unshare_files(void)
{
	inflight_limit_never();
}

#include "refresh/unlock.h"

#include "base/attributes.h"
#include "base/locked.h"
#include "base/process.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* Where the large tables begin (sections.ld), behind which is struct process on pages of its own;
 * in a program that is linked without that script: NULL. */
extern char tables_begin[] __attribute__((weak)) HIDDEN;

/* Of the refresh thread's stack. They are only of use while it runs. */
static _Atomic(char *) stack_low;
static _Atomic size_t stack_size;

void unlock_ours(int flags)
{
	if (flags & MCL_FUTURE)
		atomic_store(&locked_future, true);
	if (!(flags & MCL_CURRENT))
		return;
	if (tables_begin)
		locked_release(tables_begin, (size_t)((char *)(&process + 1) - tables_begin));
	locked_release(shared(), sizeof(struct shared));
	if (atomic_load(&process.thread) == THREAD_RUNS)
		locked_release(atomic_load(&stack_low), atomic_load(&stack_size));
}

void unlock_stack(size_t size)
{
	char *low = (char *)__builtin_frame_address(0) - size;

	atomic_store(&stack_size, size);
	atomic_store(&stack_low, low);
	locked_release_new(low, size);
}

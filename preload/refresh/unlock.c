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

/* Of the refresh thread's stack, and in which process it is: a child inherits the words. */
static _Atomic(char *) stack_low;
static _Atomic size_t stack_size;
static atomic_long stack_process;

void unlock_ours(int flags)
{
	if (flags & MCL_FUTURE)
		atomic_store(&locked_future, true);
	if (!(flags & MCL_CURRENT))
		return;
	if (tables_begin)
		locked_release(tables_begin, (size_t)((char *)(&process + 1) - tables_begin));
	locked_release(shared(), sizeof(struct shared));
	if (atomic_load(&stack_process) == kernel_call(SYS_getpid))
		locked_release(atomic_load(&stack_low), atomic_load(&stack_size));
}

void unlock_stack(size_t size)
{
	char *low = (char *)__builtin_frame_address(0) - size;

	atomic_store(&stack_size, size);
	atomic_store(&stack_low, low);
	atomic_store(&stack_process, kernel_call(SYS_getpid));
	locked_release_new(low, size);
}

void unlock_stack_ends(void)
{
	atomic_store(&stack_process, 0);
}

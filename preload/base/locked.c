#include "base/locked.h"

#include <stdbool.h>
#include <sys/mman.h>

atomic_bool locked_future;

void *locked_map(size_t size, int flags)
{
	bool is_locked = atomic_load_explicit(&locked_future, memory_order_relaxed);
	void *page = kernel_map(is_locked ? 1 : size, flags);
	long grown;

	if (!page || !is_locked)
		return page;
	/* A mapping that grows stays what it is: no more is locked, or made to be there, not even
	 * for a moment. */
	locked_release(page, 1);
	grown = kernel_call(SYS_mremap, page, 1, size, MREMAP_MAYMOVE);
	if (grown < 0 && grown >= -4095) {
		kernel_unmap(page, 1);
		return NULL;
	}
	return (void *)grown; // NOLINT(performance-no-int-to-ptr)
}

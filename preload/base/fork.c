#include "base/fork.h"

#include <stdatomic.h>
#include <stddef.h>

static void (*_Atomic wanted)(void);

void fork_child_set(void (*child)(void))
{
	atomic_store(&wanted, child);
}

void fork_child(void)
{
	void (*child)(void) = atomic_load(&wanted);

	if (child)
		child();
}

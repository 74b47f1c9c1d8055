/* State: what the last sockets were. A thread that leaves connect by siglongjmp while trusted
 * leaves on_trust set, and a child may inherit it so: then each socket is asked. */
#include "connection/blocking.h"

#include "base/kernel.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/poison.h"

struct blocking_state blocking_state;

bool blocking_ask(int fd)
{
	long flags = kernel_call(SYS_fcntl, fd, F_GETFL);
	bool blocks = flags >= 0 && !(flags & O_NONBLOCK);
	uint32_t row = atomic_load_explicit(&blocking_state.in_a_row, memory_order_relaxed);

	if (atomic_load_explicit(&blocking_state.last_blocked, memory_order_relaxed) != blocks)
		atomic_store_explicit(&blocking_state.last_blocked, blocks, memory_order_relaxed);
	if (blocks ? row > 0 : row < BLOCKING_TRUSTED_FROM)
		atomic_store_explicit(&blocking_state.in_a_row, blocks ? 0 : row + 1,
		                      memory_order_relaxed);
	return blocks;
}

bool blocking_is_unlikely(void)
{
	return atomic_load_explicit(&blocking_state.in_a_row, memory_order_relaxed) > 0;
}

void blocking_trusted(int fd, int error)
{
	atomic_store_explicit(&blocking_state.on_trust, false, memory_order_relaxed);
	if (error != EINPROGRESS)
		blocking_ask(fd);
}

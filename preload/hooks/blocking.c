/* State: what the last sockets were. A thread that leaves connect by siglongjmp while trusted
 * leaves on_trust set, and a child may inherit it so: then each socket is asked. */
#include "hooks/blocking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRUSTED_FROM = 64 };

static _Atomic uint32_t in_a_row; /* sockets that did not block, by fcntl(2) */
static atomic_bool last_blocked;
static atomic_bool on_trust; /* a connect that was taken on trust is under way */

bool blocking_ask(int fd)
{
	int saved_errno = errno;
	long flags = syscall(SYS_fcntl, fd, F_GETFL, 0);
	bool blocks = flags >= 0 && !(flags & O_NONBLOCK);
	uint32_t row = atomic_load_explicit(&in_a_row, memory_order_relaxed);

	errno = saved_errno;
	if (atomic_load_explicit(&last_blocked, memory_order_relaxed) != blocks)
		atomic_store_explicit(&last_blocked, blocks, memory_order_relaxed);
	if (blocks ? row > 0 : row < TRUSTED_FROM)
		atomic_store_explicit(&in_a_row, blocks ? 0 : row + 1, memory_order_relaxed);
	return blocks;
}

enum blocking blocking_guess(int fd)
{
	if (atomic_load_explicit(&last_blocked, memory_order_relaxed))
		return BLOCKING_YES;
	if (atomic_load_explicit(&in_a_row, memory_order_relaxed) >= TRUSTED_FROM &&
	    !atomic_exchange_explicit(&on_trust, true, memory_order_relaxed))
		return BLOCKING_TRUSTED_NOT;
	return blocking_ask(fd) ? BLOCKING_YES : BLOCKING_NO;
}

bool blocking_is_unlikely(void)
{
	return atomic_load_explicit(&in_a_row, memory_order_relaxed) > 0;
}

void blocking_trusted(int fd, int error)
{
	atomic_store_explicit(&on_trust, false, memory_order_relaxed);
	if (error != EINPROGRESS)
		blocking_ask(fd);
}

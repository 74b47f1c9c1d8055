/* State: born, a number of this program's start, which its forked children have too; network. */
#include "base/identity.h"

#include "base/address.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/kernel.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

static _Atomic uint64_t born, network;

/* Two processes of one id, in two PID namespaces, began at different moments, or have their pages
 * at different places. */
uint64_t identity_process(void)
{
	uint64_t start = load_relaxed(&born), was = 0;

	if (!start) {
		start = hash_mix(clock_ms() ^ (uint64_t)(uintptr_t)&born << 16) | 1;
		if (!swap_relaxed(&born, &was, start))
			start = was;
	}
	return hash_mix(start ^ (uint64_t)kernel_call(SYS_getpid) << 32) | 1;
}

uint64_t identity_network(void)
{
	uint64_t known = load_relaxed(&network);
	struct stat status;

	if (known)
		return known;
	known = kernel_call(SYS_newfstatat, AT_FDCWD, "/proc/thread-self/ns/net", &status, 0)
	                ? 1
	                : status.st_ino + 1;
	store_relaxed(&network, known);
	return known;
}

void identity_moved(void)
{
	store_relaxed(&network, 0);
}

#include "base/futex.h"

#include "base/kernel.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <time.h>

enum { UNWOKEN_MS = 100 /* how often to look where nobody can be woken */ };

static struct timespec timespec_of(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000),
	                         .tv_nsec = (long)(ms % 1000) * 1000000};
}

void futex_sleep(uint64_t ms)
{
	struct timespec time = timespec_of(ms);

	long error = kernel_call(SYS_nanosleep, &time, NULL);

	if (error && error != -EINTR)
		kernel_call(SYS_ppoll, NULL, 0, &time, NULL, 0);
}

void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ms)
{
	struct timespec time = timespec_of(ms);
	long error = kernel_call(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &time);

	if (error && error != -EAGAIN && error != -EINTR && error != -ETIMEDOUT &&
	    atomic_load(word) == value)
		futex_sleep(ms < UNWOKEN_MS ? ms : UNWOKEN_MS);
}

void futex_wake(_Atomic uint32_t *word)
{
	kernel_call(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

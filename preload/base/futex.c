#include "base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { UNWOKEN_MS = 100 /* how often to look where nobody can be woken */ };

static struct timespec timespec_of(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000),
	                         .tv_nsec = (long)(ms % 1000) * 1000000};
}

void futex_sleep(uint64_t ms)
{
	struct timespec time = timespec_of(ms);

	if (syscall(SYS_nanosleep, &time, NULL) && errno != EINTR)
		syscall(SYS_ppoll, NULL, 0L, &time, NULL, 0L);
}

void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ms)
{
	struct timespec time = timespec_of(ms);

	if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &time, NULL, 0L) &&
	    errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT && atomic_load(word) == value)
		futex_sleep(ms < UNWOKEN_MS ? ms : UNWOKEN_MS);
}

void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1L, NULL, NULL, 0L);
}

/* The functions of libc that c-ares calls and must not get, under their own names: hidden, so only
 * what is linked into this object meets them. Of libc's own remain those that are pure or that
 * c-ares does not reach as cares_channel_open sets it up. Nothing of ours may call one of these
 * either. */

#undef _FORTIFY_SOURCE /* it would make memcpy below call itself */

#include "base/address.h"
#include "base/clock.h"
#include "base/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

/* A getenv beside a client's setenv crashes. What c-ares would ask for (LOCALDOMAIN, RES_OPTIONS)
 * it is told. */
HIDDEN char *getenv(const char *name)
{
	(void)name;
	return NULL;
}

/* Files of c-ares' would be opened with stdio, which takes the client's memory and locks. Without
 * /dev/urandom it falls back on rand. */
HIDDEN FILE *fopen(const char *restrict path, const char *restrict mode)
{
	(void)path;
	(void)mode;
	errno = ENOENT;
	return NULL;
}

/* The key of c-ares' query ids. */
HIDDEN int rand(void)
{
	unsigned value;
	bool filled = kernel_call(SYS_getrandom, &value, sizeof(value), 0) == sizeof(value);

	if (!filled) { /* before Linux 3.17, or filtered */
		int file = (int)kernel_call(SYS_openat, AT_FDCWD, "/dev/urandom",
		                            O_RDONLY | O_CLOEXEC);

		filled = file >= 0 &&
		         kernel_call(SYS_read, file, &value, sizeof(value)) == sizeof(value);
		if (file >= 0)
			kernel_call(SYS_close, file);
	}
	if (!filled) {
		static uint64_t calls;
		struct timespec now;

		clock_now(CLOCK_REALTIME, &now);
		value = (unsigned)hash_mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^
		                           hash_mix((uintptr_t)&value + ++calls));
	}
	return (int)(value & RAND_MAX);
}

/* c-ares' clock is the kernel's, as ours is. */
HIDDEN int clock_gettime(clockid_t clock, struct timespec *now)
{
	int error = clock_now(clock, now);

	if (!error)
		return 0;
	errno = -error;
	return -1;
}

/* In glibc it is chosen when the object that calls it is loaded, by code far from all else that
 * clients call. */
HIDDEN int gettimeofday(struct timeval *restrict now, void *restrict unused)
{
	struct timespec precise;

	(void)unused;
	if (clock_gettime(CLOCK_REALTIME, &precise))
		return -1;
	*now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
	return 0;
}

/* c-ares has found itself broken. The client goes on, without refreshes: this thread waits for
 * ever. (To leave it with the raw exit call would upset musl's list of threads.) */
HIDDEN _Noreturn void __assert_fail(const char *assertion, const char *file, unsigned line,
                                    const char *function);

void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
	(void)assertion;
	(void)file;
	(void)line;
	(void)function;
	for (;;)
		kernel_call(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

/* Stands for each function that c-ares names and never calls (Makefile: NO_POINTER, NO_NUMBER): if
 * it is called after all, there is no memory, no file and no entry, or there is an error. */

HIDDEN void *cares_no_pointer(void);
HIDDEN int cares_no_number(void);

void *cares_no_pointer(void)
{
	return NULL;
}

int cares_no_number(void)
{
	errno = ENOSYS;
	return -1;
}

/* What a libcares.a compiled with _FORTIFY_SOURCE wants, and musl has not. */

HIDDEN long __fdelt_chk(long descriptor);
HIDDEN void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
HIDDEN int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...);

long __fdelt_chk(long descriptor)
{
	return descriptor / NFDBITS;
}

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
	return memcpy(to, from, size < room ? size : room);
}

int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
	va_list arguments;
	int length;

	(void)flag;
	va_start(arguments, format);
	length = vsnprintf(to, room, format, arguments);
	va_end(arguments);
	return length;
}

#ifdef __aarch64__
/* Atomics are libgcc's there, which asks once what the processor has, by a name that musl has
 * not. */
HIDDEN unsigned long __getauxval(unsigned long type);

unsigned long __getauxval(unsigned long type)
{
	return getauxval(type);
}

/* Compiled with -fstack-protector, it takes this from ld-linux-aarch64.so.1, which no client of
 * musl has. Set before there can be a refresh thread, in which c-ares runs; 0 at the low end, as
 * libc's own, stops whoever reads or writes it as text. */
HIDDEN uintptr_t __stack_chk_guard;

__attribute__((constructor, optimize("no-stack-protector"))) static void guard_start(void)
{
	memcpy(&__stack_chk_guard, (const void *)getauxval(AT_RANDOM), sizeof(__stack_chk_guard));
	__stack_chk_guard &= ~(uintptr_t)0xff;
}
#endif

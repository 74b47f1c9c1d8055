/*
 * A preload of the client's own, behind lbdns: stands before libc's functions for descriptors,
 * files, memory, signals, time and system calls, and ends the process with status 97 if lbdns calls
 * one of them (malloc and its kin, and what it has hooks of: from its refresh thread). For glibc.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CAUGHT = 97 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *from, size_t size);
extern void __libc_free(void *memory);

static void check(const char *function, const void *caller)
{
	Dl_info info;

	if (!dladdr(caller, &info) || !strstr(info.dli_fname, "liblbdns"))
		return;
	syscall(SYS_write, STDERR_FILENO, function, strlen(function));
	syscall(SYS_write, STDERR_FILENO, ": called by lbdns\n", 18);
	_exit(CAUGHT);
}

static void check_thread(const char *function, const void *caller)
{
	if (syscall(SYS_gettid) != getpid())
		check(function, caller);
}

#define CHECK()        check(__func__, __builtin_return_address(0))
#define CHECK_MEMORY() check_thread(__func__, __builtin_return_address(0))

/* A function of libc's, checked and passed on. */
#define PASS_BY(checked, type, name, parameters, arguments)                                        \
	type name parameters                                                                       \
	{                                                                                          \
		checked(__func__, __builtin_return_address(0));                                    \
		return ((__typeof__(&name))dlsym(RTLD_NEXT, #name))arguments;                      \
	}
#define PASS(type, name, parameters, arguments) PASS_BY(check, type, name, parameters, arguments)
/* lbdns has a hook of its own, which passes the client's calls on. */
#define PASS_HOOKED(type, name, parameters, arguments)                                             \
	PASS_BY(check_thread, type, name, parameters, arguments)

PASS_HOOKED(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
PASS(int, close, (int fd), (fd))
PASS(int, bind, (int fd, const struct sockaddr *to, socklen_t length), (fd, to, length))
PASS_HOOKED(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
            (fd, level, option, value, length))
PASS(int, getsockname, (int fd, struct sockaddr *restrict name, socklen_t *restrict length),
     (fd, name, length))
PASS(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, recvfrom,
     (int fd, void *restrict data, size_t size, int flags, struct sockaddr *restrict from,
      socklen_t *restrict length),
     (fd, data, size, flags, from, length))
PASS(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
PASS(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
PASS(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
PASS(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
PASS(int, gethostname, (char *name, size_t size), (name, size))
PASS(struct servent *, getservbyname, (const char *name, const char *protocol), (name, protocol))
PASS(FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode))
PASS(int, fclose, (FILE * file), (file))
PASS(char *, fgets, (char *restrict line, int size, FILE *restrict file), (line, size, file))
PASS(size_t, fread, (void *restrict data, size_t size, size_t count, FILE *restrict file),
     (data, size, count, file))
PASS(int, setvbuf, (FILE *restrict file, char *restrict buffer, int mode, size_t size),
     (file, buffer, mode, size))
PASS(char *, getenv, (const char *name), (name))
PASS(int, rand, (void), ())
PASS(void, qsort, (void *base, size_t count, size_t size, int (*order)(const void *, const void *)),
     (base, count, size, order))

PASS(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))
PASS(int, madvise, (void *start, size_t size, int advice), (start, size, advice))
PASS(int, munmap, (void *start, size_t size), (start, size))
PASS(void *, mmap, (void *start, size_t size, int protection, int flags, int fd, off_t offset),
     (start, size, protection, flags, fd, offset))
PASS(int, pthread_setcancelstate, (int state, int *before), (state, before))
PASS(int, pthread_sigmask, (int how, const sigset_t *restrict set, sigset_t *restrict before),
     (how, set, before))
PASS(uid_t, geteuid, (void), ())
PASS(pid_t, getpid, (void), ())

long syscall(long number, ...)
{
	va_list arguments;
	long argument[6];

	CHECK();
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(arguments, long);
	va_end(arguments);
	return ((__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall"))(number, argument[0], argument[1],
	                                                           argument[2], argument[3],
	                                                           argument[4], argument[5]);
}

int fcntl(int fd, int command, ...)
{
	va_list arguments;
	long argument;

	CHECK();
	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

void *malloc(size_t size)
{
	CHECK_MEMORY();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	CHECK_MEMORY();
	return __libc_calloc(count, size);
}

void *realloc(void *from, size_t size)
{
	CHECK_MEMORY();
	return __libc_realloc(from, size);
}

void free(void *memory)
{
	CHECK_MEMORY();
	__libc_free(memory);
}

/* System calls on the way of a connection. Not by libc's syscall(3): it changes errno, which is the
 * client's, and costs as much as all that we do with the answer. Any thread, any signal handler. */
#ifndef LBDNS_BASE_KERNEL_H
#define LBDNS_BASE_KERNEL_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel returns: -1 to -4095 for an error, an errno's negative. errno is kept. */
static inline long kernel_call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	/* System V ABI, AMD64 supplement, A.2.1 */
	register long fourth __asm__("r10") = d;
	register long fifth __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
	                 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	/* syscall(2), "Architecture calling conventions" */
	register long result __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	register long fifth __asm__("x4") = e;
	register long call __asm__("x8") = number;

	__asm__ volatile("svc #0"
	                 : "+r"(result)
	                 : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(call)
	                 : "memory");
	return result;
#else
	int saved_errno = errno;
	long result = syscall(number, a, b, c, d, e);

	if (result == -1)
		result = -errno;
	errno = saved_errno;
	return result;
#endif
}

/* getsockopt(2), setsockopt(2): 0, or an errno's negative. */
static inline long kernel_get_option(int fd, int level, int name, void *value, socklen_t *length)
{
	return kernel_call(SYS_getsockopt, fd, level, name, (long)value, (long)length);
}

static inline long kernel_set_option(int fd, int level, int name, const void *value,
                                     socklen_t length)
{
	return kernel_call(SYS_setsockopt, fd, level, name, (long)value, (long)length);
}

#endif

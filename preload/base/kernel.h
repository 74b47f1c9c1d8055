/* System calls, made with no function of libc's. syscall(3) changes errno, which is the client's,
 * costs as much as all that we do with the answer, and may be another library's: a preload that
 * hooks it would run in the refresh thread, whose descriptors are not the client's, or in the child
 * of a fork, while it holds its own locks over that. Any thread, any signal handler. */
#ifndef LBDNS_BASE_KERNEL_H
#define LBDNS_BASE_KERNEL_H

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* kernel_call(number, up to six arguments, each a number or a pointer) returns what the kernel
 * returns: -1 to -4095 for an error, an errno's negative. errno is kept. Of calls of up to three
 * arguments the other registers are not set. */
#define kernel_call(...)                                                                           \
	KERNEL_CALL_PICK(__VA_ARGS__, 6, 6, 6, 3, 3, 3, 3)                                         \
	(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define KERNEL_CALL_PICK(number, a, b, c, d, e, f, count, ...) KERNEL_CALL_##count

#define KERNEL_CALL_3(number, a, b, c, ...) kernel_call_3(number, (long)(a), (long)(b), (long)(c))
#define KERNEL_CALL_6(number, a, b, c, d, e, f, ...)                                               \
	kernel_call_6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#if defined(__x86_64__) && !defined(__ILP32__)

/* System V ABI, AMD64 supplement, A.2.1 */
static inline long kernel_call_3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c)
	                 : "rcx", "r11", "memory");
	return result;
}

static inline long kernel_call_6(long number, long a, long b, long c, long d, long e, long f)
{
	register long fourth __asm__("r10") = d;
	register long fifth __asm__("r8") = e;
	register long sixth __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
	                 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

/* syscall(2), "Architecture calling conventions" */
static inline long kernel_call_3(long number, long a, long b, long c)
{
	register long result __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long call __asm__("x8") = number;

	__asm__ volatile("svc #0" : "+r"(result) : "r"(second), "r"(third), "r"(call) : "memory");
	return result;
}

static inline long kernel_call_6(long number, long a, long b, long c, long d, long e, long f)
{
	register long result __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	register long fifth __asm__("x4") = e;
	register long sixth __asm__("x5") = f;
	register long call __asm__("x8") = number;

	__asm__ volatile("svc #0"
	                 : "+r"(result)
	                 : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth), "r"(call)
	                 : "memory");
	return result;
}

#else

static inline long kernel_call_6(long number, long a, long b, long c, long d, long e, long f)
{
	int saved_errno = errno;
	long result = syscall(number, a, b, c, d, e, f);

	if (result == -1)
		result = -errno;
	errno = saved_errno;
	return result;
}

static inline long kernel_call_3(long number, long a, long b, long c)
{
	return kernel_call_6(number, a, b, c, 0, 0, 0);
}

#endif

/* Maps memory of zeros for this process alone, as mmap(2) does: size bytes, with further flags of
 * mmap's (MAP_STACK, or 0). Returns NULL if there is none to be had. */
static inline void *kernel_map(size_t size, int flags)
{
	long got = kernel_call(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
	                       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return got < 0 && got >= -4095 ? NULL : (void *)got;
}

/* Gives memory of kernel_map back; size is as it was there. */
static inline void kernel_unmap(void *memory, size_t size)
{
	kernel_call(SYS_munmap, memory, size);
}

/* getsockopt(2), setsockopt(2): 0, or an errno's negative. */
static inline long kernel_get_option(int fd, int level, int name, void *value, socklen_t *length)
{
	return kernel_call(SYS_getsockopt, fd, level, name, value, length);
}

static inline long kernel_set_option(int fd, int level, int name, const void *value,
                                     socklen_t length)
{
	return kernel_call(SYS_setsockopt, fd, level, name, value, length);
}

#endif

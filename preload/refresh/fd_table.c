/* State: of fd_table_run_apart, what the task that it makes is to do. */
#include "refresh/fd_table.h"

#include "base/attributes.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
	CLOSE_RANGE_OWN = 2, /* CLOSE_RANGE_UNSHARE, Linux 5.9 */
	DIRECTORY_BYTES = 1024,
	GUARD_SIZE = 65536, /* the largest page of any system we run on */
	STACK_SIZE = 256 * 1024,
	IDENTITY_MS = 50 /* how often the ids of the client are looked at */
};

/* What getdents64(2) fills in. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* -1 for `.` and `..` */
static int number_of(const char *name)
{
	int number = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		number = number * 10 + (*name - '0');
	return *name ? -1 : number;
}

/* The calling task has a copy of the client's table, which keeps its files open: a client that
 * closes a socket now would not end its connection. Only /proc tells what there is, without a
 * million calls of close. */
static SELDOM bool close_copies(bool keep_stderr)
{
	_Alignas(struct entry) char entries[DIRECTORY_BYTES];
	char path[sizeof("/proc/self/task//fd") + 20] = "/proc/self/task/";
	int directory;
	long got;

	/* First, to make room for the directory: the table may be full. */
	syscall(SYS_close, 0);
	syscall(SYS_close, 1);
	text_number((uint64_t)syscall(SYS_gettid), path + strlen(path));
	strcat(path, "/fd");
	directory = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return false;
	while ((got = syscall(SYS_getdents64, directory, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const void *)(entries + at);
			int fd = number_of(entry->name);

			if (fd >= 0 && fd != directory && (fd != STDERR_FILENO || !keep_stderr))
				syscall(SYS_close, fd);
			at += entry->length;
		}
	}
	syscall(SYS_close, directory);
	return got == 0;
}

bool fd_table_unshare(bool keep_stderr)
{
	/* Nothing is copied: all that is kept is below what is closed. */
	if (!syscall(SYS_close_range, keep_stderr ? 3u : 0u, ~0u, CLOSE_RANGE_OWN)) {
		if (keep_stderr)
			syscall(SYS_close_range, 0u, 1u, 0u);
		return true;
	}
	/* Before Linux 5.9, or filtered. */
	return !syscall(SYS_unshare, CLONE_FILES) && close_copies(keep_stderr);
}

/* ---- Apart */

static struct {
	void (*run)(void);
	bool keep_stderr;
	atomic_bool failed;
	_Atomic uint32_t alive; /* the kernel clears it and wakes us when the task is gone */
	char *stack;            /* its low end; stays for the next task */
} apart;

#ifdef __x86_64__

/* The task has the thread-local storage of the thread that waits for it, as a child of vfork(2)
 * does, and libc knows nothing of it. */
static SELDOM void apart_main(void)
{
	if (close_copies(apart.keep_stderr))
		apart.run();
	else
		atomic_store(&apart.failed, true);
}

/* As pthread_create(3) has it, but for CLONE_FILES, CLONE_SETTLS and that nobody wants its id. Not
 * clone(3): musl's refuses CLONE_THREAD from 1.2.5 on. */
static bool apart_start(void)
{
	register _Atomic uint32_t *alive __asm__("r10") = &apart.alive;
	register long no_tls __asm__("r8") = 0;
	register void (*start)(void) __asm__("r9") = apart_main;
	long task;

	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "call *%%r9\n\t"
	                 "xor %%edi, %%edi\n\t"
	                 "mov %[exit], %%eax\n\t"
	                 "syscall\n\t"
	                 "hlt\n"
	                 "1:"
	                 : "=a"(task)
	                 : "0"((long)SYS_clone),
	                   "D"((long)(CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD |
	                              CLONE_SYSVSEM | CLONE_CHILD_CLEARTID)),
	                   "S"(apart.stack + STACK_SIZE), "d"(0L), "r"(alive), "r"(no_tls),
	                   "r"(start), [exit] "i"(SYS_exit)
	                 : "rcx", "r11", "memory");
	return task > 0;
}

/* Not syscall(2), which would write errno: it is the task's as well. */
static long call(long number, const void *a, long b, long c, const void *d)
{
	register const void *fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
	                 : "rcx", "r11", "memory");
	return result;
}

/* Until it is gone, or for IDENTITY_MS. */
static void apart_wait(void)
{
	const struct timespec time = {.tv_nsec = IDENTITY_MS * 1000000L};
	/* Not a private one: it is the kernel that wakes. */
	long result = call(SYS_futex, &apart.alive, FUTEX_WAIT, 1, &time);

	if (result && result != -EAGAIN && result != -EINTR && result != -ETIMEDOUT)
		call(SYS_nanosleep, &time, 0, 0, NULL); /* a filter refuses it */
}

#else

static bool apart_start(void)
{
	return false;
}

static void apart_wait(void)
{
}

#endif

static bool apart_stack(void)
{
	long got;

	if (apart.stack)
		return true;
	got = syscall(SYS_mmap, NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0L);
	if (got == -1)
		return false;
	syscall(SYS_mprotect, got, GUARD_SIZE, PROT_NONE);
	apart.stack = (char *)got + GUARD_SIZE;
	return true;
}

/* libc gives the calling thread new ones when the client changes its own, the task not. */
static uint64_t identity(void)
{
	return (uint64_t)syscall(SYS_geteuid) << 32 | (uint32_t)syscall(SYS_getegid);
}

SELDOM bool fd_table_run_apart(void (*run)(void), atomic_bool *stop, bool keep_stderr)
{
	uint64_t began_as = identity();

	if (!apart_stack())
		return false;
	apart.run = run;
	apart.keep_stderr = keep_stderr;
	atomic_store(&apart.failed, false);
	atomic_store(stop, false);
	atomic_store(&apart.alive, 1);
	if (!apart_start())
		return false;
	while (atomic_load(&apart.alive)) {
		apart_wait();
		if (identity() != began_as)
			atomic_store(stop, true);
	}
	return !atomic_load(&apart.failed);
}

/* State: `apart`, what fd_table_run_apart has its task do. */
#include "refresh/fd_table.h"

#include "base/attributes.h"
#include "base/kernel.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

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

/* Returns the number that a name in /proc/…/fd is; -1 for `.` and `..`. */
static int number_of(const char *name)
{
	int number = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		number = number * 10 + (*name - '0');
	return *name ? -1 : number;
}

/* Opens what is free of descriptors 0 to 2: whoever opens a file in this thread by mistake, because
 * its code is called here, is not to take it for one of the client's most important. An eventfd
 * holds no file system busy. */
static void fill_standard(void)
{
	long got;

	do {
		got = kernel_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (got < 0) /* refused by a filter */
			got = kernel_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	} while (got >= 0 && got < STDERR_FILENO);
	if (got > STDERR_FILENO)
		kernel_call(SYS_close, got);
}

/* Closes all descriptors of the calling task, whose table is a copy of the client's: as long as the
 * copies are open, a client that closes a socket does not end its connection. /proc tells which
 * there are, which spares a million calls of close(2). Returns false if it cannot be read. */
static SELDOM bool close_copies(bool keep_stderr)
{
	_Alignas(struct entry) char entries[DIRECTORY_BYTES];
	char path[sizeof("/proc/self/task//fd") + 20] = "/proc/self/task/";
	int directory;
	long got;

	/* Before /proc is opened, to make room for it, because the table may be full. */
	kernel_call(SYS_close, 0);
	kernel_call(SYS_close, 1);
	text_number((uint64_t)kernel_call(SYS_gettid), path + strlen(path));
	strcat(path, "/fd");
	directory =
		(int)kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return false;
	while ((got = kernel_call(SYS_getdents64, directory, entries, sizeof(entries))) > 0) {
		for (long offset = 0; offset < got;) {
			const struct entry *entry = (const void *)(entries + offset);
			int fd = number_of(entry->name);

			if (fd >= 0 && fd != directory && (fd != STDERR_FILENO || !keep_stderr))
				kernel_call(SYS_close, fd);
			offset += entry->length;
		}
	}
	kernel_call(SYS_close, directory);
	fill_standard();
	return got == 0;
}

bool fd_table_unshare(bool keep_stderr)
{
	/* The kernel copies no descriptor that it would close, and all that is kept is below. */
	if (!kernel_call(SYS_close_range, keep_stderr ? 3u : 0u, ~0u, CLOSE_RANGE_OWN)) {
		if (keep_stderr)
			kernel_call(SYS_close_range, 0u, 1u, 0u);
		fill_standard();
		return true;
	}
	/* Before Linux 5.9, or filtered. */
	return !kernel_call(SYS_unshare, CLONE_FILES) && close_copies(keep_stderr);
}

/* ---- Apart */

static struct {
	void (*run)(void);
	bool keep_stderr;
	atomic_bool failed;
	_Atomic uint32_t alive; /* 1; the kernel clears it, and wakes us, when the task is gone */
	char *stack;            /* its low end; stays mapped for the next task */
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

/* Starts the task. The flags are those of pthread_create(3) without CLONE_FILES, CLONE_SETTLS and
 * those by which libc gets its id. Not by clone(3), because musl's refuses CLONE_THREAD from 1.2.5
 * on. */
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

/* Waits until the task is gone, or for IDENTITY_MS. Without errno, which is the task's as well. */
static void apart_wait(void)
{
	const struct timespec time = {.tv_nsec = IDENTITY_MS * 1000000L};
	/* Not a private futex, because it is the kernel that wakes. */
	long result = kernel_call(SYS_futex, &apart.alive, FUTEX_WAIT, 1, &time);

	if (result && result != -EAGAIN && result != -EINTR && result != -ETIMEDOUT)
		kernel_call(SYS_nanosleep, &time, NULL); /* a filter refuses it */
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
	char *got;

	if (apart.stack)
		return true;
	got = kernel_map(GUARD_SIZE + STACK_SIZE, MAP_STACK);
	if (!got)
		return false;
	kernel_call(SYS_mprotect, got, GUARD_SIZE, PROT_NONE);
	apart.stack = got + GUARD_SIZE;
	return true;
}

/* Returns the user and group ids of the calling thread. When the client changes its own, libc gives
 * this thread the new ones too, and the task keeps the old ones. */
static uint64_t identity(void)
{
	return (uint64_t)kernel_call(SYS_geteuid) << 32 | (uint32_t)kernel_call(SYS_getegid);
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

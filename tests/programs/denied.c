/*
 * denied ERRNO CALL... -- PROGRAM ARGUMENT...: runs PROGRAM under a seccomp filter that refuses the
 * system calls with ERRNO (EPERM, ENOSYS; 0: they succeed, with 0), as a container's or a service
 * manager's does, or kills for them (KILL). CALL is a name in the table below; "thread-apart" is a
 * clone of a thread with descriptors of its own, "mmap-shared" an mmap of memory that children
 * share.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INSTRUCTIONS = 256 };

#define THREAD_APART "thread-apart"
#define MMAP_SHARED  "mmap-shared"

static const struct {
	const char *name;
	int number;
} calls[] = {
	{"clone", SYS_clone},
	{"clone3", 435},
	{"close_range", 436},
	{"futex", SYS_futex},
	{"geteuid", SYS_geteuid},
	{"getrandom", SYS_getrandom},
	{"madvise", SYS_madvise},
	{"nanosleep", SYS_nanosleep},
	{"pidfd_getfd", 438},
	{"pidfd_open", 434},
	{"ppoll", SYS_ppoll},
	{"prctl", SYS_prctl},
	{"rt_sigaction", SYS_rt_sigaction},
	{"sendmsg", SYS_sendmsg},
	{"sendto", SYS_sendto},
	{"setsockopt", SYS_setsockopt},
	{"shmat", SYS_shmat},
	{"shmctl", SYS_shmctl},
	{"shmget", SYS_shmget},
	{"socket", SYS_socket},
	{"unshare", SYS_unshare},
};

static struct sock_filter code[INSTRUCTIONS];
static unsigned short length;

static void add(unsigned short what, unsigned value, unsigned char yes, unsigned char no)
{
	code[length++] = (struct sock_filter)BPF_JUMP(what, value, yes, no);
}

static void load(size_t offset)
{
	add(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0);
}

static void refuse(const char *name, unsigned answer)
{
	load(offsetof(struct seccomp_data, nr));
	if (!strcmp(name, THREAD_APART)) {
		add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 5);
		load(offsetof(struct seccomp_data, args[0]));
		add(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 3);
		add(BPF_JMP | BPF_JSET | BPF_K, CLONE_FILES, 2, 0);
		add(BPF_RET | BPF_K, answer, 0, 0);
		add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		return;
	}
	if (!strcmp(name, MMAP_SHARED)) {
		add(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5);
		load(offsetof(struct seccomp_data, args[3]));
		add(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 3);
		add(BPF_JMP | BPF_JSET | BPF_K, MAP_PRIVATE, 2, 0);
		add(BPF_RET | BPF_K, answer, 0, 0);
		add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		return;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, name) != 0)
			continue;
		add(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
		add(BPF_RET | BPF_K, answer, 0, 0);
		return;
	}
	fprintf(stderr, "denied: no %s in the table\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned answer =
		argc > 1 && !strcmp(argv[1], "KILL")
			? SECCOMP_RET_KILL_PROCESS
			: SECCOMP_RET_ERRNO | (argc > 1 && !strcmp(argv[1], "ENOSYS") ? ENOSYS
	                                       : argc > 1 && !strcmp(argv[1], "0")    ? 0
	                                                                              : EPERM);
	struct sock_fprog program = {.filter = code};
	char **at = argv + 2;

	for (; at < argv + argc && strcmp(*at, "--") != 0; at++)
		refuse(*at, answer);
	if (at + 1 >= argv + argc) {
		fputs("usage: denied EPERM|ENOSYS|0|KILL CALL... -- PROGRAM ARGUMENT...\n", stderr);
		return 2;
	}
	add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	program.len = length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("denied: seccomp");
		return 2;
	}
	execvp(at[1], at + 1);
	perror(at[1]);
	return 2;
}

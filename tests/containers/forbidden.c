/*
 * forbidden: what a container's filter says to system calls that lbdns makes where it may: a line
 * for each, "<call> allowed" or "<call> <error>". The arguments are wrong, so that nothing happens
 * where a call is allowed; the error that the kernel has for them is another than a filter's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 1 << 30 };

static void say(const char *call, long result, int own_error)
{
	bool allowed = result >= 0 || errno == own_error;
	printf("%s %s\n", call, allowed ? "allowed" : strerrorname_np(errno));
}

int main(void)
{
	say("close_range", syscall(SYS_close_range, 2, 1, 0), EINVAL);
	say("netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 4), EINVAL);
	say("pidfd_getfd", syscall(SYS_pidfd_getfd, -1, -1, 0), EBADF);
	say("pidfd_open", syscall(SYS_pidfd_open, -1, 0), EINVAL);
	say("process_vm_readv", syscall(SYS_process_vm_readv, NOBODY, NULL, 0, NULL, 0, 0), ESRCH);
	say("shmget", syscall(SYS_shmget, 0, 0, 0), EINVAL);
	say("unshare", syscall(SYS_unshare, 1), EINVAL);
	return 0;
}

#include "refresh/cut.h"

#include "base/atomic.h"
#include "base/kernel.h"
#include "base/process.h"
#include "base/valgrind.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/prctl.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Returns a copy of the client's descriptor, because the refresh thread has a table of its own
 * (fd_table.h). -EBADF if it is closed; other errors where the kernel is too old or there is a
 * filter, and then nobody is cut short. It is not tried under any filter, because many services
 * have one (systemd's @system-service) that kills for this call, and nothing tells beforehand; nor
 * under valgrind (3.19), which does not know it, and says so. */
static int borrow(uint32_t fd)
{
	long pidfd, got;

	if (kernel_call(SYS_prctl, PR_GET_SECCOMP) || valgrind_runs())
		return -ENOSYS;
	pidfd = kernel_call(SYS_pidfd_open, kernel_call(SYS_getpid));
	if (pidfd < 0)
		return (int)pidfd;
	got = kernel_call(SYS_pidfd_getfd, pidfd, fd);
	kernel_call(SYS_close, pidfd);
	return (int)got;
}

/* Lowers TCP_SYNCNT, so that a connect in which its client waits ends as if its socket had been
 * limited from the beginning (LIMITED_SYN_COUNT). The connect may return meanwhile: then this
 * thread or the client's sees that the other one has been there, and sets the client's own count
 * again; or both do. */
static void limit(int fd, struct inflight *inflight, uint64_t since_ms)
{
	uint32_t flags = load_relaxed(&inflight->flags);
	int count = 0;
	socklen_t length = sizeof(count);

	if (kernel_get_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, &length) ||
	    count <= LIMITED_SYN_COUNT)
		return;
	store_relaxed(&inflight->syn_count, (uint32_t)count);
	do {
		if ((flags & (FLAG_MAY_LIMIT | FLAG_LIMITED | FLAG_ENDED)) != FLAG_MAY_LIMIT ||
		    !inflight_is_still(inflight, since_ms))
			return;
	} while (!atomic_compare_exchange_weak(&inflight->flags, &flags, flags | FLAG_LIMITED));
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &(int){LIMITED_SYN_COUNT}, sizeof(count));
	if (inflight_is_still(inflight, since_ms) && !(atomic_load(&inflight->flags) & FLAG_ENDED))
		return;
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count));
	/* Another one may have begun in its place before the flag was set. */
	if (!inflight_is_still(inflight, since_ms))
		atomic_fetch_and(&inflight->flags, ~(uint32_t)FLAG_LIMITED);
}

/* Returns true if a socket waits for the answer to its SYN. */
static bool is_connecting(int fd)
{
	struct tcp_info info;
	socklen_t length = offsetof(struct tcp_info, tcpi_rto);

	return !kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) &&
	       info.tcpi_state == TCP_SYN_SENT;
}

void cut_short(struct inflight *inflight, const struct inflight_view *view)
{
	int fd = borrow((uint32_t)view->fd);

	if (fd >= 0) {
		/* A connect that was left by siglongjmp is not the one of the socket that has its
		 * descriptor now. */
		if (load_relaxed(&inflight->generation) == descriptor_generation(view->fd) &&
		    is_connecting(fd))
			limit(fd, inflight, view->since_ms);
		kernel_call(SYS_close, fd);
	} else if (fd != -EBADF) {
		atomic_store(&process.may_limit, false);
	}
}

/* No process has so many descriptors: the error that this one is not there says that it could be
 * borrowed if it were. */
bool cut_is_possible(void)
{
	return borrow(INT32_MAX) == -EBADF;
}

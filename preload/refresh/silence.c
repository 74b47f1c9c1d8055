#include "refresh/silence.h"

#include "balance/inflight.h"
#include "balance/inflight_table.h"
#include "base/address.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "base/process.h"
#include "learn/result.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { WATCH_MS = 500, SILENT_MS = 3000 };

/* Returns a copy of the client's descriptor, because the refresh thread has a table of its own
 * (fd_table.h). -EBADF if it is closed; other errors where the kernel is too old or there is a
 * filter, and then nobody is blamed. It is not tried under any filter, because many services have
 * one (systemd's
 * @system-service) that kills for this call, and nothing tells beforehand. */
static int borrow(uint32_t fd)
{
	long pidfd, got;

	if (kernel_call(SYS_prctl, PR_GET_SECCOMP))
		return -ENOSYS;
	pidfd = kernel_call(SYS_pidfd_open, kernel_call(SYS_getpid), 0);
	if (pidfd < 0)
		return (int)pidfd;
	got = kernel_call(SYS_pidfd_getfd, pidfd, fd, 0);
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
	if (!inflight_is_still(
		    inflight,
		    since_ms)) /* another one began in its place before the flag was set */
		atomic_fetch_and(&inflight->flags, ~(uint32_t)FLAG_LIMITED);
}

/* Looks at a connect under way through the client's descriptor. */
static void inspect_borrowed(struct inflight *inflight, uint64_t since_ms, uint64_t age_ms)
{
	int fd = borrow(inflight_fd(inflight));
	enum inflight_look look = LOOK_GONE;

	if (fd >= 0) {
		look = inflight_inspect(fd, inflight);
		if (look >= LOOK_TRYING)
			limit(fd, inflight, since_ms);
		kernel_call(SYS_close, fd);
	}
	if (fd >= 0 || fd == -EBADF) {
		inflight_seen(inflight, look, since_ms, age_ms);
		return;
	}
	atomic_store(&process.may_limit, false);
	if (age_ms >= SILENT_MS)
		inflight_forget(inflight, age_ms);
}

static bool is_silent(struct inflight *inflight, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t age_ms = clock_since(since_ms, now_ms);
	uint32_t flags;

	inspect_borrowed(inflight, since_ms, age_ms);
	flags = load_relaxed(&inflight->flags);
	if (!inflight_is_still(inflight, since_ms)) /* it was answered, or another one began */
		return false;
	if (!(flags & FLAG_REPEATED) || (age_ms < SILENT_MS && !(flags & FLAG_GAVE_UP)))
		return false;
	atomic_fetch_or_explicit(&inflight->flags, FLAG_REPORTED, memory_order_relaxed);
	return true;
}

bool silence_next(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct peer *peer)
{
	for (; *index < INFLIGHT_PLACES; ++*index) {
		struct inflight *inflight = &inflight_table[*index];
		uint64_t since_ms = load_relaxed(&inflight->since_ms), again_ms = now_ms + WATCH_MS;
		uint32_t flags = load_relaxed(&inflight->flags);

		/* What has been reported, or is not known to have been silent, only matters to
		 * picks. */
		if (!since_ms || flags & FLAG_REPORTED ||
		    (flags & FLAG_GAVE_UP && !(flags & FLAG_REPEATED)))
			continue;
		if (clock_since(since_ms, now_ms) < REPEATED_MS) {
			again_ms = since_ms + REPEATED_MS;
		} else if (is_silent(inflight, since_ms, now_ms)) {
			*peer = inflight_peer(inflight);
			if (inflight_is_still(inflight, since_ms)) {
				++*index;
				return true;
			}
		}
		if (load_relaxed(&inflight->since_ms) && again_ms < *next_ms)
			*next_ms = again_ms;
	}
	return false;
}

void silence_begin(bool own_descriptors)
{
	/* A forked child finds in the table what its parent's threads wait for: it has their
	 * sockets, but not the threads. */
	if (!atomic_exchange(&process.has_watched, true))
		for (uint32_t i = 0; i < INFLIGHT_PLACES; i++)
			if (load_relaxed(&inflight_table[i].flags) & FLAG_MAY_LIMIT)
				store_relaxed(&inflight_table[i].since_ms, 0);
	/* No process has so many descriptors: the error that this one is not there says that it
	 * could be borrowed if it were. */
	atomic_store(&process.may_limit, own_descriptors && borrow(INT32_MAX) == -EBADF);
	if (inflight_is_limit_refused()) /* after process.may_limit: pairs with inflight_limit_never
	                                  */
		atomic_store(&process.may_limit, false);
}

void silence_end(void)
{
	atomic_store(&process.may_limit, false);
	for (uint32_t i = 0; i < INFLIGHT_PLACES; i++) {
		uint64_t since_ms = load_relaxed(&inflight_table[i].since_ms);

		if (since_ms && load_relaxed(&inflight_table[i].flags) & FLAG_MAY_LIMIT)
			inspect_borrowed(&inflight_table[i], since_ms,
			                 clock_since(since_ms, clock_ms()));
	}
}

uint64_t silence_watch(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	struct peer peer;
	uint32_t index = 0;

	while (silence_next(&index, now_ms, &next_ms, &peer))
		result_note_peer(peer, ETIMEDOUT);
	return next_ms;
}

/* State: asks_early, collect_has_fastopen. */
#include "connection/collect.h"

#include "balance/ejection.h"
#include "balance/inflight.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/socket.h"
#include "directory/service.h"
#include "learn/result.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/poison.h"

/* The client has asked twice of one connect how it ended, and is one that asks while it is under
 * way. */
static atomic_bool asks_early;
atomic_bool collect_has_fastopen;

/* Has a socket been answered? Not if Fast Open has sent nothing yet (TCP_FASTOPEN_CONNECT). */
static bool is_answered(int fd)
{
	return socket_past(fd) == SOCKET_CONNECTED;
}

void collect_ended(const struct inflight_view *view, int fd, int error)
{
	bool is_timed = !error && ejection_any(clock_ms());
	uint64_t began_ms = is_timed ? socket_began_ms(fd, view->since_ms) : view->since_ms;

	if (view->flags & FLAG_COUNTED)
		result_note_counted(view->peer, view->pool, began_ms, error);
	else
		result_note_peer(view->peer, view->pool, began_ms, error);
}

/* A client that is told of no error mostly believes that it is connected. One that asks while its
 * connect is under way shows that by asking again; then its sockets are looked at, which costs a
 * system call. */
static void collect_answer(struct inflight *inflight, const struct inflight_view *view, int fd)
{
	uint64_t now_ms = clock_ms();

	if (view->flags & FLAG_TOLD) {
		store_relaxed(&asks_early, true);
		return;
	}
	if ((load_relaxed(&asks_early) || result_matters(0, now_ms)) && !is_answered(fd))
		return;
	atomic_fetch_or_explicit(&inflight->flags, FLAG_TOLD, memory_order_relaxed);
	if (result_matters(0, now_ms))
		collect_ended(view, fd, 0);
}

/* The error may also be that of a connection that broke later. */
static void collect_failure(struct inflight *inflight, const struct inflight_view *view, int fd,
                            int error)
{
	inflight_forget(inflight, view->since_ms);
	if (result_failure_matters(error) && socket_past(fd) == SOCKET_NEVER_CONNECTED)
		collect_ended(view, fd, error);
}

void collect_error(int fd, int error)
{
	int saved_errno = errno;
	struct inflight_view view;
	struct inflight *inflight = inflight_find(fd, &view);

	if (!inflight)
		return;
	if (error)
		collect_failure(inflight, &view, fd, error);
	else
		collect_answer(inflight, &view, fd);
	errno = saved_errno;
}

void collect_fastopen(void)
{
	store_relaxed(&collect_has_fastopen, true);
}

/* The refresh thread then tries the endpoints itself. */
SELDOM void collect_unsent(uint32_t service, uint32_t port, int fd)
{
	if (socket_past(fd) == SOCKET_NEVER_CONNECTED)
		service_note_untold(service, (uint16_t)port);
}

#include "balance/inflight.h"

#include "balance/rotation.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/wakeup.h"

#include <stddef.h>

enum {
	QUICK_LOOKS = 16, /* system calls of one connect for those before it */
	TIMES_USUAL = 8,  /* an attempt is overdue after so many times what answers usually take */
	LIMIT_MOST_MS = 2000
};

#include "base/poison.h"

struct inflight inflight_table[DESCRIPTORS];
_Atomic uint32_t inflight_top;
_Atomic uint64_t inflight_look_ms;
_Atomic uint64_t inflight_quick_ms;
_Atomic uintptr_t inflight_thread;
static atomic_bool never_limit; /* which sockets a descriptor is depends on the thread */

APART void inflight_ask(uint64_t when_ms)
{
	uint64_t was = load_relaxed(&inflight_look_ms);

	while ((!was || was > when_ms) &&
	       !atomic_compare_exchange_weak_explicit(&inflight_look_ms, &was, when_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
	/* Not later than another has asked for: the thread knows of the last request alone. */
	wakeup_by(was && was < when_ms ? was : when_ms);
}

uint64_t inflight_limit_ms(uint64_t pool, uint32_t port)
{
	uint64_t limit_ms = rotation_usual_ms(pool, port) * TIMES_USUAL;

	if (limit_ms < INFLIGHT_LEAST_MS)
		limit_ms = INFLIGHT_LEAST_MS;
	return limit_ms < LIMIT_MOST_MS ? limit_ms : LIMIT_MOST_MS;
}

/* Reads a place whose connect is overdue, and can be looked at by its socket. */
static bool read_overdue(const struct inflight *at, struct inflight_view *view, uint64_t now_ms)
{
	return inflight_read(at, view) &&
	       !(view->flags & (FLAG_WAITS | FLAG_TOLD | FLAG_ANSWERED)) &&
	       clock_since(view->since_ms, now_ms) >=
	               inflight_limit_ms(view->pool, view->peer.port) &&
	       load_relaxed(&at->generation) == descriptor_generation(view->fd);
}

/* Looks at a connect that is overdue, and marks it as one that waits, or that was answered though
 * its client is late to learn of it. Returns true if it waits, and the refresh thread does not know
 * that. */
static bool look_at(struct inflight *at, const struct inflight_view *view, uint64_t now_ms)
{
	enum socket_wait wait = socket_wait(view->fd);

	if (load_relaxed(&at->generation) != descriptor_generation(view->fd))
		return false;
	if (wait == SOCKET_WAITS_NOT)
		inflight_mark(at, view, FLAG_ANSWERED);
	if (wait != SOCKET_WAITS)
		return false;
	store_relaxed(&at->seen_ms, (uint32_t)now_ms);
	return !(view->flags & FLAG_SAID) &&
	       (view->flags & FLAG_SEEN || inflight_mark(at, view, FLAG_SEEN));
}

APART void inflight_quicken(uint64_t now_ms)
{
	static _Atomic uint32_t from; /* the place behind the last one that was looked at */
	uint32_t top = load_relaxed(&inflight_top), begin = load_relaxed(&from), looks = 0;
	/* Whose the sockets are depends on the thread. */
	bool refused = inflight_is_limit_refused(), is_news = false;

	store_relaxed(&inflight_quick_ms, now_ms + INFLIGHT_QUICK_MS);
	for (uint32_t i = 0; i < top && looks < QUICK_LOOKS; i++) {
		uint32_t place = (begin + i) % top % DESCRIPTORS;
		struct inflight_view view;

		if (!read_overdue(&inflight_table[place], &view, now_ms))
			continue;
		if (refused) {
			is_news = true;
			break;
		}
		looks++;
		store_relaxed(&from, place + 1);
		is_news = look_at(&inflight_table[place], &view, now_ms) || is_news;
	}
	if (is_news)
		inflight_ask(now_ms);
}

/* By several threads at once, and a place beyond the top would never be looked at. */
APART void inflight_grow(uint32_t top)
{
	uint32_t was = load_relaxed(&inflight_top);

	while (was < top && !swap_relaxed(&inflight_top, &was, top))
		;
}

/* The fetch_or pairs with limit (refresh/cut.c): one of them sees that the other has been there. */
APART int inflight_unlimit(struct inflight *inflight)
{
	uint32_t flags = atomic_fetch_or(&inflight->flags, FLAG_ENDED);

	return flags & FLAG_LIMITED ? (int)load_relaxed(&inflight->syn_count) : 0;
}

bool inflight_read(const struct inflight *at, struct inflight_view *view)
{
	uint64_t port_fd;

	view->since_ms = atomic_load_explicit(&at->since_ms, memory_order_acquire);
	if (!view->since_ms)
		return false;
	view->peer.address.high = atomic_load_explicit(&at->high, memory_order_acquire);
	view->peer.address.low = atomic_load_explicit(&at->low, memory_order_acquire);
	port_fd = atomic_load_explicit(&at->port_fd, memory_order_acquire);
	view->peer.port = (uint32_t)(port_fd >> 32);
	view->fd = (int)(uint32_t)port_fd;
	view->pool = atomic_load_explicit(&at->pool, memory_order_acquire);
	view->seen_ms = load_relaxed(&at->seen_ms);
	view->flags = atomic_load_explicit(&at->flags, memory_order_acquire);
	return inflight_is_still(at, view->since_ms);
}

struct inflight *inflight_find(int fd, struct inflight_view *view)
{
	struct inflight *at = &inflight_table[descriptor_place(fd)];

	if (fd < 0 || !load_relaxed(&at->since_ms) || !inflight_read(at, view) || view->fd != fd ||
	    load_relaxed(&at->generation) != descriptor_generation(fd))
		return NULL;
	return at;
}

bool inflight_mark(struct inflight *at, const struct inflight_view *view, uint32_t flag)
{
	uint32_t flags = view->flags;

	if (!atomic_compare_exchange_strong(&at->flags, &flags, flags | flag))
		return false;
	if (inflight_is_still(at, view->since_ms))
		return true;
	/* Another one has begun there: it wrote since_ms before its flags (inflight_put). */
	atomic_fetch_and(&at->flags, ~flag);
	return false;
}

void inflight_forget(struct inflight *at, uint64_t since_ms)
{
	swap_relaxed(&at->since_ms, &since_ms, 0);
}

bool inflight_meet(uintptr_t thread)
{
	uintptr_t was = 0;

	if (atomic_compare_exchange_strong(&inflight_thread, &was, thread) || was == thread)
		return false;
	atomic_store(&inflight_thread, INFLIGHT_SEVERAL);
	return true;
}

void inflight_limit_never(void)
{
	atomic_store(&never_limit, true);
	atomic_store(&process.may_limit, false);
}

bool inflight_is_limit_refused(void)
{
	return atomic_load(&never_limit);
}

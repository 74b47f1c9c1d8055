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

/* Sets a flag of the connect that a place has had since since_ms. Returns false if another one is
 * there by now, or it has other flags. */
static bool mark(struct inflight *at, uint64_t since_ms, uint32_t flags, uint32_t flag)
{
	if (!atomic_compare_exchange_strong(&at->flags, &flags, flags | flag))
		return false;
	if (inflight_is_still(at, since_ms))
		return true;
	/* Another one has begun there: it wrote since_ms before its flags (inflight_put). */
	atomic_fetch_and(&at->flags, ~flag);
	return false;
}

/* Returns the limit of the connect at a place. */
static uint64_t limit_of(const struct inflight *at)
{
	uint64_t port_fd = atomic_load_explicit(&at->port_fd, memory_order_acquire);

	return inflight_limit_ms(atomic_load_explicit(&at->pool, memory_order_acquire),
	                         (uint32_t)(port_fd >> 32));
}

/* Is nothing to be learnt of the connect at a place? */
static bool is_done(const struct inflight *at)
{
	return atomic_load_explicit(&at->flags, memory_order_acquire) &
	       (FLAG_WAITS | FLAG_TOLD | FLAG_ANSWERED);
}

/* Has nobody closed the descriptor of the connect at a place? */
static bool is_own(const struct inflight *at)
{
	int fd = (int)(uint32_t)atomic_load_explicit(&at->port_fd, memory_order_acquire);

	return load_relaxed(&at->generation) == descriptor_generation(fd);
}

enum quick { QUICK_NONE, QUICK_LOOKED, QUICK_NEWS };

/* Looks at a connect that is overdue by its socket, and marks it as one that waits, or that was
 * answered though its client is late to learn of it. Returns QUICK_NEWS if it waits, and the
 * refresh thread does not know that, or is to look itself; QUICK_NONE if there is none. A view of
 * the place would take more stack than a signal handler is asked for. */
static enum quick look_at(struct inflight *at, uint64_t now_ms)
{
	uint64_t since_ms = atomic_load_explicit(&at->since_ms, memory_order_acquire);
	enum socket_wait wait;
	uint32_t flags;

	if (!since_ms || clock_since(since_ms, now_ms) < limit_of(at) || is_done(at) ||
	    !is_own(at) || !inflight_is_still(at, since_ms))
		return QUICK_NONE;
	/* Whose the sockets are depends on the thread. */
	if (inflight_is_limit_refused())
		return QUICK_NEWS;
	wait = socket_wait((int)(uint32_t)load_relaxed(&at->port_fd));
	flags = atomic_load_explicit(&at->flags, memory_order_acquire);
	if (is_done(at) || !is_own(at))
		return QUICK_LOOKED;
	if (wait == SOCKET_WAITS_NOT)
		mark(at, since_ms, flags, FLAG_ANSWERED);
	if (wait != SOCKET_WAITS)
		return QUICK_LOOKED;
	store_relaxed(&at->seen_ms, (uint32_t)now_ms);
	return !(flags & FLAG_SAID) && (flags & FLAG_SEEN || mark(at, since_ms, flags, FLAG_SEEN))
	               ? QUICK_NEWS
	               : QUICK_LOOKED;
}

SELDOM void inflight_quicken(uint64_t now_ms)
{
	static _Atomic uint32_t from; /* the place behind the last one that was looked at */
	uint32_t left = load_relaxed(&inflight_top), looks = 0;

	store_relaxed(&inflight_quick_ms, now_ms + INFLIGHT_QUICK_MS);
	for (; left && looks < QUICK_LOOKS; left--) {
		uint32_t place = load_relaxed(&from);
		enum quick found;

		place = place < load_relaxed(&inflight_top) ? place : 0;
		store_relaxed(&from, place + 1);
		found = look_at(&inflight_table[place % DESCRIPTORS], now_ms);
		looks += found != QUICK_NONE;
		if (found == QUICK_NEWS)
			inflight_ask(now_ms);
		if (found == QUICK_NEWS && inflight_is_limit_refused())
			break;
	}
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
	return mark(at, view->since_ms, view->flags, flag);
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

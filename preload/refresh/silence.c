/* State: again_ms, rest_ms, look_us and blind_ms. The refresh thread alone uses them. */
#include "refresh/silence.h"

#include "balance/ejection.h"
#include "balance/inflight.h"
#include "base/address.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/identity.h"
#include "base/process.h"
#include "learn/result.h"
#include "refresh/cut.h"
#include "refresh/sightings.h"
#include "refresh/sockets.h"
#include "shared/segment.h"

#include <errno.h>

enum {
	REPEATED_MS = 1250,   /* the SYN was repeated (after 1 s), and there was time to answer */
	LEFT_MS = 4000,       /* nobody waits so long in a connect that was cut short */
	LOOK_SELDOM_MS = 500, /* between looks, once the youngest socket has waited for so long */
	LOOKED_MS = 20,       /* between looks of any process in the network namespace */
	BLIND_MS = 60 * 1000, /* before a kernel that would not say is asked again */
	VAIN_SHARE = 20,      /* of the time, looks in vain take one part at most, */
	LOOK_SHARE = 10,      /* and those while sockets are without an answer */
	SEEN_MS = 250,        /* what connects have seen is so for so long */
	TICKS_MS = 12         /* by which the kernel's age of a socket may be less than ours */
};

/* When to look again at the sockets that were seen to wait (clock_ms). */
static uint64_t again_ms;

/* When to look again after a look that found nobody waiting (clock_ms): clients that are late to
 * ask how their connects end, or never do, have us look in vain. */
static uint64_t rest_ms;

/* How long the last look took (us). Long where the kernel's table is long: it has the sockets of
 * the last minute too (TIME_WAIT). */
static uint64_t look_us;

/* When the kernel did not say who waits, if process.sees_silence is false. */
static uint64_t blind_ms;

/* ---- What is overdue */

/* Is a connect known to wait, because connects after it have seen so? Then the kernel's table,
 * which may be long, need not be read for it. */
static bool is_seen(const struct inflight_view *view, uint64_t now_ms)
{
	return view->flags & FLAG_SEEN && (uint32_t)now_ms - view->seen_ms < SEEN_MS;
}

/* Looks through the table. Returns how many connects are overdue, and in *news how many of them go
 * to peers whose answer nobody was seen to wait for. Lowers *next_ms to when the next one will be.
 */
static unsigned count_overdue(uint64_t now_ms, uint64_t *next_ms, unsigned *news)
{
	uint32_t top = load_relaxed(&inflight_top);
	uint64_t quick_ms = load_relaxed(&inflight_quick_ms);
	bool connects_look = quick_ms && !inflight_is_limit_refused();
	unsigned overdue = 0;

	*news = 0;
	for (uint32_t i = 0; i < top && i < DESCRIPTORS; i++) {
		struct inflight *at = &inflight_table[i];
		struct inflight_view view;
		uint64_t age_ms, due_ms;

		if (!inflight_read(at, &view) || view.flags & (FLAG_TOLD | FLAG_ANSWERED))
			continue;
		age_ms = clock_since(view.since_ms, now_ms);
		due_ms = inflight_limit_ms(view.pool, view.peer.port);
		/* Connects come after it, of which the next one looks at it. */
		if (connects_look && !(view.flags & (FLAG_SEEN | FLAG_WAITS)) &&
		    quick_ms > view.since_ms + INFLIGHT_QUICK_MS)
			due_ms += INFLIGHT_LOOK_MS;
		if (age_ms >= REPEATED_MS && view.flags & FLAG_MAY_LIMIT && inflight_may_limit())
			cut_short(at, &view);
		else if (view.flags & FLAG_MAY_LIMIT && age_ms < REPEATED_MS &&
		         view.since_ms + REPEATED_MS < *next_ms)
			*next_ms = view.since_ms + REPEATED_MS;
		if (age_ms >= due_ms) {
			overdue++;
			*news += !is_seen(&view, now_ms) && !sightings_have(view.peer);
		} else if (view.since_ms + due_ms < *next_ms) {
			*next_ms = view.since_ms + due_ms;
		}
	}
	return overdue;
}

/* ---- The look */

/* What a look is for, and what it finds. */
struct look {
	uint64_t now_ms;
	unsigned found; /* sockets without an answer */
};

static void see(const struct socket_seen *seen, void *with)
{
	struct look *look = with;

	look->found += sightings_take(seen, look->now_ms);
}

/* Counts a connect that waits for an endpoint of which silence is known as a failure, because its
 * client may give up without a word. Who waits in connect will be told, and says so. */
static void count_failure(struct inflight *at, const struct inflight_view *view, uint64_t now_ms)
{
	if (!(view->flags & (FLAG_WAITS | FLAG_COUNTED)) && ejection_speaks(view->peer, now_ms) &&
	    inflight_mark(at, view, FLAG_COUNTED))
		result_count(view->peer, ETIMEDOUT);
}

/* Says of the connects that were seen to wait that their endpoints are silent. Returns how many
 * there are. */
static unsigned say_seen(uint64_t now_ms)
{
	uint32_t top = load_relaxed(&inflight_top);
	unsigned seen = 0;

	for (uint32_t i = 0; i < top && i < DESCRIPTORS; i++) {
		struct inflight *at = &inflight_table[i];
		struct inflight_view view;

		if (!inflight_read(at, &view) || view.flags & (FLAG_TOLD | FLAG_ANSWERED) ||
		    !is_seen(&view, now_ms) ||
		    clock_since(view.since_ms, now_ms) <
		            inflight_limit_ms(view.pool, view.peer.port))
			continue;
		seen++;
		if (view.flags & FLAG_SAID)
			result_still_silent(view.peer);
		else if (inflight_mark(at, &view, FLAG_SAID))
			result_silent(view.peer, view.since_ms);
		else
			continue;
		view.flags |= FLAG_SAID;
		count_failure(at, &view, now_ms);
	}
	return seen;
}

/* Marks the connects that are overdue and do not wait: how they ended is their clients' to say.
 * Returns how many there are that do. */
static unsigned mark_answered(uint64_t now_ms)
{
	uint32_t top = load_relaxed(&inflight_top);
	unsigned waiting = 0;

	for (uint32_t i = 0; i < top && i < DESCRIPTORS; i++) {
		struct inflight_view view;
		uint64_t age_ms, limit_ms;

		if (!inflight_read(&inflight_table[i], &view) ||
		    view.flags & (FLAG_TOLD | FLAG_ANSWERED) || is_seen(&view, now_ms))
			continue;
		age_ms = clock_since(view.since_ms, now_ms);
		limit_ms = inflight_limit_ms(view.pool, view.peer.port);
		if (age_ms < limit_ms)
			continue;
		if (sightings_have(view.peer)) {
			waiting++;
			count_failure(&inflight_table[i], &view, now_ms);
		} else if (age_ms >= (view.flags & FLAG_WAITS ? LEFT_MS : limit_ms + TICKS_MS)) {
			inflight_mark(&inflight_table[i], &view, FLAG_ANSWERED);
		}
	}
	return waiting;
}

/* Returns true if this process is to look now: no other one in the network namespace just has. */
static bool take_look(uint64_t now_ms)
{
	uint64_t mark = identity_network() & UINT16_MAX, was = load_relaxed(&shared()->looked);

	if ((was & UINT16_MAX) == mark && (was >> 16) + LOOKED_MS > now_ms &&
	    was >> 16 < now_ms + LOOKED_MS)
		return false;
	return swap_relaxed(&shared()->looked, &was, now_ms << 16 | mark);
}

/* Returns false if the kernel has lately refused to say who waits. */
static bool sees(uint64_t now_ms)
{
	if (!atomic_load(&process.sees_silence) && clock_since(blind_ms, now_ms) >= BLIND_MS)
		atomic_store(&process.sees_silence, true);
	return atomic_load(&process.sees_silence);
}

/* Returns how long this thread has run (us). */
static uint64_t run_us(void)
{
	struct timespec now = {0};

	clock_now(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Looks at the kernel's table. Returns how many connects of this process are overdue, and wait. */
static unsigned look(uint64_t now_ms)
{
	struct look look = {.now_ms = now_ms};
	uint64_t youngest_ms, began_us = run_us();

	sightings_begin();
	if (!sockets_connecting(see, &look)) {
		atomic_store(&process.sees_silence, false);
		blind_ms = now_ms;
		sightings_forget();
		return 0;
	}
	sightings_end();
	look_us = run_us() - began_us;
	if (!look.found && !sightings_count(now_ms, &youngest_ms))
		rest_ms = now_ms + look_us * VAIN_SHARE / 1000;
	return mark_answered(now_ms);
}

/* Returns when to look again while somebody waits. Processes that began at the same moment do not
 * stay in step, because of two of them one would never look (take_look). */
static uint64_t look_again_ms(uint64_t now_ms, uint64_t youngest_ms)
{
	uint64_t jitter_ms = hash_mix(identity_process() ^ now_ms) % LOOKED_MS;
	uint64_t every_ms = youngest_ms < LOOK_SELDOM_MS ? LOOK_EVERY_MS : LOOK_SELDOM_MS;
	uint64_t least_ms = look_us * LOOK_SHARE / 1000;

	return now_ms + jitter_ms + (every_ms > least_ms ? every_ms : least_ms);
}

uint64_t silence_watch(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX, look_ms = load_relaxed(&inflight_look_ms), youngest_ms;
	uint64_t least_ms = now_ms + LOOK_EVERY_MS;
	unsigned overdue, news, said, waiting;

	if (look_ms > now_ms)
		return look_ms;
	if (!look_ms && !sightings_count(now_ms, &youngest_ms))
		return UINT64_MAX;
	/* Before the table is read: who connects meanwhile asks anew. */
	atomic_store(&inflight_look_ms, 0);
	overdue = count_overdue(now_ms, &next_ms, &news);
	said = config.eject_ms ? say_seen(now_ms) : 0;
	waiting = sightings_count(now_ms, &youngest_ms);
	/* Connects that look at those before them would find what is known already. */
	if (waiting || overdue)
		store_relaxed(&inflight_quick_ms, least_ms);
	if ((overdue || waiting) && config.eject_ms && sees(now_ms)) {
		if ((news || ((waiting || overdue > said) && now_ms >= again_ms)) &&
		    (waiting || now_ms >= rest_ms) && take_look(now_ms)) {
			overdue = look(now_ms);
			waiting = sightings_count(now_ms, &youngest_ms);
			again_ms = look_again_ms(now_ms, youngest_ms);
		}
		if (waiting || overdue) {
			look_ms = again_ms > now_ms ? again_ms : look_again_ms(now_ms, youngest_ms);
			if (news && !waiting && rest_ms > now_ms && rest_ms < look_ms)
				look_ms = rest_ms;
			next_ms = look_ms < next_ms ? look_ms : next_ms;
		}
	}
	if (next_ms != UINT64_MAX) /* however many there are, each with a time of its own */
		inflight_ask(next_ms > least_ms ? next_ms : least_ms);
	look_ms = load_relaxed(&inflight_look_ms);
	return look_ms ? look_ms : UINT64_MAX;
}

/* ---- The thread */

void silence_begin(bool own_descriptors)
{
	/* A forked child finds in the table what its parent's threads wait for: it has their
	 * sockets, but not the threads. */
	if (!atomic_exchange(&process.has_watched, true))
		for (uint32_t i = 0; i < DESCRIPTORS; i++)
			if (load_relaxed(&inflight_table[i].flags) & FLAG_WAITS) {
				store_relaxed(&inflight_table[i].since_ms, 0);
				store_relaxed(&inflight_table[i].flags, 0);
			}
	sightings_forget();
	rest_ms = 0;
	atomic_store(&process.sees_silence, true);
	/* Somebody may have asked while there was no thread. */
	if (load_relaxed(&inflight_top))
		atomic_store(&inflight_look_ms, clock_ms());
	atomic_store(&process.may_limit, own_descriptors && cut_is_possible());
	/* After process.may_limit: pairs with inflight_limit_never. */
	if (inflight_is_limit_refused())
		atomic_store(&process.may_limit, false);
}

void silence_end(void)
{
	atomic_store(&process.may_limit, false);
	for (uint32_t i = 0; i < load_relaxed(&inflight_top) && i < DESCRIPTORS; i++) {
		struct inflight_view view;

		if (inflight_read(&inflight_table[i], &view) && view.flags & FLAG_MAY_LIMIT)
			cut_short(&inflight_table[i], &view);
	}
}

/* State: sightings, the sockets seen without an answer; again_ms, rest_ms and blind_ms. The refresh
 * thread alone uses them. */
#include "refresh/silence.h"

#include "balance/ejection.h"
#include "balance/inflight.h"
#include "balance/rotation.h"
#include "base/address.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/identity.h"
#include "base/process.h"
#include "learn/result.h"
#include "refresh/cut.h"
#include "refresh/sockets.h"
#include "shared/segment.h"

#include <errno.h>

enum {
	TIMES_USUAL = 8, /* an attempt is overdue after so many times what answers usually take */
	LIMIT_MOST_MS = 2000,
	REPEATED_MS = 1250,   /* the SYN was repeated (after 1 s), and there was time to answer */
	LEFT_MS = 4000,       /* nobody waits so long in a connect that was cut short */
	LOOK_EVERY_MS = 100,  /* between looks while sockets are without an answer, */
	LOOK_SELDOM_MS = 500, /* once the youngest of them has waited for so long */
	LOOKED_MS = 20,       /* between looks of any process in the network namespace */
	BLIND_MS = 60 * 1000, /* before a kernel that would not say is asked again */
	VAIN_SHARE = 100,     /* of the time, looks in vain take one part */
	SIGHTINGS = 64
};

/* A socket that was seen without an answer, of whatever process. */
static struct sighting {
	struct socket_seen socket;
	uint64_t began_ms; /* 0: none */
	bool again;        /* it is in the table that is being read */
	bool told;         /* learn/result.h knows: once, because an answer of its endpoint to
	                      another may have ended all that spoke against it */
} sightings[SIGHTINGS];

/* When to look again at the sockets that were seen to wait (clock_ms). */
static uint64_t again_ms;

/* When to look again after a look that found nobody waiting (clock_ms): clients that are late to
 * ask how their connects end, or never do, have us look in vain. */
static uint64_t rest_ms;

/* When the kernel did not say who waits, if process.sees_silence is false. */
static uint64_t blind_ms;

/* ---- What is overdue */

/* Returns how long an attempt in a pool may be without an answer. */
static uint64_t limit_ms(uint64_t pool, uint32_t port)
{
	uint64_t limit_ms = rotation_usual_ms(pool, port) * TIMES_USUAL;

	if (limit_ms < INFLIGHT_LEAST_MS)
		limit_ms = INFLIGHT_LEAST_MS;
	return limit_ms < LIMIT_MOST_MS ? limit_ms : LIMIT_MOST_MS;
}

/* Is anybody seen to wait for the answer of a peer, or too many to tell? */
static bool is_sighted(struct peer peer)
{
	unsigned count = 0;

	for (int i = 0; i < SIGHTINGS; i++) {
		if (sightings[i].began_ms && peer_equal(sightings[i].socket.peer, peer))
			return true;
		count += sightings[i].began_ms != 0;
	}
	return count == SIGHTINGS;
}

/* Looks through the table. Returns how many connects are overdue, and in *news how many of them go
 * to peers whose answer nobody was seen to wait for. Lowers *next_ms to when the next one will be.
 */
static unsigned count_overdue(uint64_t now_ms, uint64_t *next_ms, unsigned *news)
{
	uint32_t top = load_relaxed(&inflight_top);
	unsigned overdue = 0;

	*news = 0;
	for (uint32_t i = 0; i < top && i < DESCRIPTORS; i++) {
		struct inflight *at = &inflight_table[i];
		struct inflight_view view;
		uint64_t age_ms, due_ms;

		if (!inflight_read(at, &view) || view.flags & (FLAG_TOLD | FLAG_ANSWERED))
			continue;
		age_ms = clock_since(view.since_ms, now_ms);
		due_ms = limit_ms(view.pool, view.peer.port);
		if (age_ms >= REPEATED_MS && view.flags & FLAG_MAY_LIMIT && inflight_may_limit())
			cut_short(at, &view);
		else if (view.flags & FLAG_MAY_LIMIT && age_ms < REPEATED_MS &&
		         view.since_ms + REPEATED_MS < *next_ms)
			*next_ms = view.since_ms + REPEATED_MS;
		if (age_ms >= due_ms) {
			overdue++;
			*news += !is_sighted(view.peer);
		} else if (view.since_ms + due_ms < *next_ms) {
			*next_ms = view.since_ms + due_ms;
		}
	}
	return overdue;
}

/* ---- The look */

static bool same_socket(const struct socket_seen *a, const struct socket_seen *b)
{
	return peer_equal(a->peer, b->peer) && peer_equal(a->own, b->own) && a->v6 == b->v6;
}

static struct sighting *sighting_of(const struct socket_seen *seen)
{
	struct sighting *place = NULL;

	for (int i = 0; i < SIGHTINGS; i++) {
		if (sightings[i].began_ms && same_socket(&sightings[i].socket, seen))
			return &sightings[i];
		if (!sightings[i].began_ms)
			place = &sightings[i];
	}
	return place;
}

/* What a look is for, and what it finds. */
struct look {
	uint64_t now_ms;
	unsigned found; /* sockets without an answer */
};

/* Takes one socket that waits. It speaks against its endpoint once it has waited for too long. */
static void see(const struct socket_seen *seen, void *with)
{
	struct look *look = with;
	struct sighting *sighting;
	uint64_t pool, began_ms;

	if (!result_pool(seen->peer, &pool) || seen->age_ms < limit_ms(pool, seen->peer.port))
		return;
	look->found++;
	began_ms = seen->age_ms < look->now_ms ? look->now_ms - seen->age_ms : 1;
	sighting = sighting_of(seen);
	if (sighting && !sighting->began_ms)
		*sighting = (struct sighting){.socket = *seen, .began_ms = began_ms};
	if (!sighting) {
		/* There is no room to note that it was told: not of an old one, again and again. */
		if (seen->age_ms < limit_ms(pool, seen->peer.port) + LOOK_EVERY_MS)
			result_silent(seen->peer, began_ms);
		return;
	}
	sighting->again = true;
	if (sighting->told)
		result_still_silent(seen->peer);
	else
		result_silent(seen->peer, sighting->began_ms);
	sighting->told = true;
}

/* Learns what became of the sockets that do not wait any more. Those to peers that have left all
 * pools meanwhile are of no interest. */
static void end_sightings(void)
{
	for (int i = 0; i < SIGHTINGS; i++) {
		struct sighting *sighting = &sightings[i];
		enum socket_fate fate;
		uint64_t pool;

		if (!sighting->began_ms || sighting->again)
			continue;
		if (!result_pool(sighting->socket.peer, &pool)) {
			sighting->began_ms = 0;
			continue;
		}
		fate = sockets_fate(&sighting->socket);
		if (fate == FATE_CONNECTING)
			continue;
		if (fate == FATE_ANSWERED)
			result_note_peer(sighting->socket.peer, 0, sighting->began_ms, 0);
		sighting->began_ms = 0;
	}
}

/* Counts a connect that waits for an endpoint of which silence is known as a failure, because its
 * client may give up without a word. Who waits in connect will be told, and says so. */
static void count_failure(struct inflight *at, const struct inflight_view *view, uint64_t now_ms)
{
	if (!(view->flags & (FLAG_WAITS | FLAG_COUNTED)) && ejection_speaks(view->peer, now_ms) &&
	    inflight_mark(at, view, FLAG_COUNTED))
		result_count(view->peer, ETIMEDOUT);
}

/* Marks the connects that are overdue and do not wait: how they ended is their clients' to say.
 * Returns how many there are that do. */
static unsigned mark_answered(uint64_t now_ms)
{
	uint32_t top = load_relaxed(&inflight_top);
	unsigned waiting = 0;

	for (uint32_t i = 0; i < top && i < DESCRIPTORS; i++) {
		struct inflight_view view;
		uint64_t age_ms;

		if (!inflight_read(&inflight_table[i], &view) ||
		    view.flags & (FLAG_TOLD | FLAG_ANSWERED))
			continue;
		age_ms = clock_since(view.since_ms, now_ms);
		if (age_ms < limit_ms(view.pool, view.peer.port))
			continue;
		if (is_sighted(view.peer)) {
			waiting++;
			count_failure(&inflight_table[i], &view, now_ms);
		} else if (!(view.flags & FLAG_WAITS) || age_ms >= LEFT_MS) {
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

static void forget_sightings(void)
{
	for (int i = 0; i < SIGHTINGS; i++)
		if (sightings[i].began_ms) /* what is not written takes no memory */
			sightings[i].began_ms = 0;
}

/* Returns how many sockets wait, and how long the youngest of them has. */
static unsigned count_sightings(uint64_t now_ms, uint64_t *youngest_ms)
{
	unsigned count = 0;

	*youngest_ms = UINT64_MAX;
	for (int i = 0; i < SIGHTINGS; i++) {
		uint64_t age_ms = clock_since(sightings[i].began_ms, now_ms);

		if (!sightings[i].began_ms)
			continue;
		count++;
		if (age_ms < *youngest_ms)
			*youngest_ms = age_ms;
	}
	if (!count || count == SIGHTINGS) /* too many to tell which are new */
		*youngest_ms = 0;
	return count;
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

	for (int i = 0; i < SIGHTINGS; i++)
		if (sightings[i].began_ms)
			sightings[i].again = false;
	if (!sockets_connecting(see, &look)) {
		atomic_store(&process.sees_silence, false);
		blind_ms = now_ms;
		forget_sightings();
		return 0;
	}
	end_sightings();
	if (!look.found && !count_sightings(now_ms, &youngest_ms))
		rest_ms = now_ms + (run_us() - began_us) * VAIN_SHARE / 1000;
	return mark_answered(now_ms);
}

/* Returns when to look again while somebody waits. Processes that began at the same moment do not
 * stay in step, because of two of them one would never look (take_look). */
static uint64_t look_again_ms(uint64_t now_ms, uint64_t youngest_ms)
{
	uint64_t jitter_ms = hash_mix(identity_process() ^ now_ms) % LOOKED_MS;

	return now_ms + jitter_ms + (youngest_ms < LOOK_SELDOM_MS ? LOOK_EVERY_MS : LOOK_SELDOM_MS);
}

uint64_t silence_watch(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX, look_ms = load_relaxed(&inflight_look_ms), youngest_ms;
	uint64_t least_ms = now_ms + LOOK_EVERY_MS;
	unsigned overdue, news, waiting;

	if (look_ms > now_ms)
		return look_ms;
	if (!look_ms && !count_sightings(now_ms, &youngest_ms))
		return UINT64_MAX;
	/* Before the table is read: who connects meanwhile asks anew. */
	atomic_store(&inflight_look_ms, 0);
	overdue = count_overdue(now_ms, &next_ms, &news);
	/* Connects that look at those before them have had this look, or would have one in vain. */
	if (overdue || next_ms != UINT64_MAX)
		store_relaxed(&inflight_quick_ms, least_ms);
	waiting = count_sightings(now_ms, &youngest_ms);
	if ((overdue || waiting) && config.eject_ms && sees(now_ms)) {
		if ((news || now_ms >= again_ms) && (waiting || now_ms >= rest_ms) &&
		    take_look(now_ms)) {
			overdue = look(now_ms);
			waiting = count_sightings(now_ms, &youngest_ms);
			again_ms = look_again_ms(now_ms, youngest_ms);
		}
		if (waiting || overdue) {
			look_ms = again_ms > now_ms ? again_ms : look_again_ms(now_ms, youngest_ms);
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
	forget_sightings();
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

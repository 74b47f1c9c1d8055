#include "balance/late.h"

#include "balance/inflight_table.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"

#include "base/poison.h"

enum {
	TIMES_TYPICAL = 4,     /* an endpoint is late after so many times what it took before, */
	LATE_MS = 40,          /* and so long, */
	LATE_UNKNOWN_MS = 250, /* or so long, if it never answered */
	TYPICAL_MOST_MS = 1000,
	LOOK_MS = 50, /* between looks at the same socket */
	/* A client that closed its socket while connecting has probably met a late endpoint, which
	 * is passed over for this long; after that, only a repeated SYN counts. */
	GAVE_UP_MS = 1000
};

_Atomic uint64_t late_check_ms;
static _Atomic uint64_t answered_ms; /* when the last connect that was answered began */

uint64_t late_limit_ms(const struct inflight *at)
{
	uint32_t typical_ms = load_relaxed(&at->typical_ms);

	if (!typical_ms)
		return LATE_UNKNOWN_MS;
	return typical_ms * TIMES_TYPICAL > LATE_MS ? typical_ms * TIMES_TYPICAL : LATE_MS;
}

void late_check_by(uint64_t when_ms)
{
	uint64_t was = load_relaxed(&late_check_ms);

	while ((!was || was > when_ms) &&
	       !atomic_compare_exchange_weak_explicit(&late_check_ms, &was, when_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
}

APART void late_answered(struct inflight *at, uint64_t since_ms)
{
	uint64_t took_ms = clock_since(since_ms, clock_ms()), was = load_relaxed(&answered_ms);
	uint32_t typical_ms = load_relaxed(&at->typical_ms);

	/* typical_ms goes down at once and up slowly, because a client that is late itself is not
	 * to make the endpoint look slow. */
	if (took_ms > TYPICAL_MOST_MS)
		took_ms = TYPICAL_MOST_MS;
	if (!typical_ms || took_ms + 1 < typical_ms)
		typical_ms = (uint32_t)took_ms + 1;
	else
		typical_ms += ((uint32_t)took_ms + 1 - typical_ms + 7) / 8;
	store_relaxed(&at->typical_ms, typical_ms);
	while (was < since_ms &&
	       !atomic_compare_exchange_weak_explicit(&answered_ms, &was, since_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
}

/* Returns true if the connect that began at since_ms is late. Called by the client's own threads,
 * whose descriptors these are. */
static bool is_late(struct inflight *at, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t age_ms = clock_since(since_ms, now_ms);
	uint32_t flags = load_relaxed(&at->flags);
	enum inflight_look look;

	if (flags & FLAG_POLLED_OK)
		return false;
	if (flags & FLAG_GAVE_UP) {
		bool untold = flags & FLAG_REPEATED && !(flags & FLAG_REPORTED);

		if (age_ms < (untold ? UNTOLD_MS : GAVE_UP_MS))
			return true;
		inflight_forget(at, age_ms);
		return false;
	}
	if (clock_since(load_relaxed(&at->looked_ms), now_ms) >= LOOK_MS) {
		store_relaxed(&at->looked_ms, now_ms);
		look = inflight_inspect((int)inflight_fd(at), at);
		if (look >= LOOK_TRYING && inflight_is_still(at, since_ms))
			atomic_fetch_or_explicit(&at->flags, FLAG_OVERDUE, memory_order_relaxed);
		inflight_seen(at, look, since_ms, age_ms);
	}
	if (!inflight_is_still(at, since_ms))
		return false;
	flags = load_relaxed(&at->flags);
	if (flags & FLAG_OVERDUE && load_relaxed(&answered_ms) >= since_ms) {
		flags |= FLAG_LATE;
		atomic_fetch_or_explicit(&at->flags, FLAG_LATE, memory_order_relaxed);
	}
	return flags & FLAG_LATE;
}

/* Sets late_check_ms anew after all places were looked at. A connect that begins meanwhile sets it
 * itself. */
static void look_again(uint64_t now_ms)
{
	uint64_t was = load_relaxed(&late_check_ms), first_ms = 0;

	for (uint32_t i = 0; i < INFLIGHT_PLACES; i++) {
		uint64_t since_ms = load_relaxed(&inflight_table[i].since_ms),
			 when_ms = since_ms + late_limit_ms(&inflight_table[i]);

		if (!since_ms || load_relaxed(&inflight_table[i].flags) & FLAG_POLLED_OK)
			continue;
		if (when_ms < now_ms)
			when_ms = now_ms;
		if (!first_ms || when_ms < first_ms)
			first_ms = when_ms;
	}
	if (was != first_ms)
		swap_relaxed(&late_check_ms, &was, first_ms);
}

SELDOM bool late_next(uint32_t *place, uint64_t now_ms, struct peer *peer)
{
	bool late = false;

	for (; *place < INFLIGHT_PLACES && !late; ++*place) {
		struct inflight *at = &inflight_table[*place];
		uint64_t since_ms = load_relaxed(&at->since_ms);

		if (!since_ms || clock_since(since_ms, now_ms) < late_limit_ms(at) ||
		    !is_late(at, since_ms, now_ms))
			continue;
		*peer = inflight_peer(at);
		late = inflight_is_still(at, since_ms);
	}
	if (!late)
		look_again(now_ms);
	return late;
}

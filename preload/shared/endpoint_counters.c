/* What is counted for the endpoints of a name. */
#include "shared/counters.h"

#include "base/address.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "shared/counters_fast.h"
#include "shared/segment.h"

enum { IN_USE_TICKS = 64 /* a tally that was used so lately is not given away */ };

/* By the ways of a place: the tick in which all of them were last found in use. 0: never. */
static _Atomic uint32_t full_ticks[SHARED_TALLIES / SHARED_WAYS];

/* Makes the tally of an endpoint of one that was name_before's. False if another thread was faster.
 */
static bool tally_begin(struct tally *tally, uint64_t name_before, uint64_t name,
                        struct address endpoint, uint64_t port_used)
{
	if (!atomic_compare_exchange_strong(&tally->name, &name_before, name))
		return false;
	store_relaxed(&tally->kept, 0);
	store_relaxed(&tally->rewritten, 0);
	store_relaxed(&tally->failures, 0);
	store_relaxed(&tally->retries, 0);
	store_relaxed(&tally->high, endpoint.high);
	store_relaxed(&tally->low, endpoint.low);
	/* Last: from now on others find it, and add to it. Pairs with counters_tally_is. */
	atomic_store_explicit(&tally->port_used, port_used, memory_order_release);
	return true;
}

/* Returns the i-th place to look at, of the SHARED_WAYS that place is one of. */
static struct tally *tally_way(uint32_t place, uint32_t i)
{
	return &shared()->tallies[place ^ i];
}

static uint64_t tally_tick(const struct tally *tally)
{
	return load_relaxed(&tally->port_used) >> 32;
}

/* Claims an unused place, or the one that was not used for the longest. NULL if all of them are in
 * use, because endpoints that take places from each other would be counted nowhere, or if another
 * thread was faster. Two threads that begin one for the same endpoint may take two places: whoever
 * reads adds them up. */
static struct tally *tally_claim(uint32_t place, uint64_t name, struct address endpoint,
                                 uint64_t port_used)
{
	struct tally *oldest = tally_way(place, 0);

	for (uint32_t i = 0; i < SHARED_WAYS; i++) {
		struct tally *way = tally_way(place, i);

		if (!load_relaxed(&way->name) && tally_begin(way, 0, name, endpoint, port_used))
			return way;
		if (tally_tick(way) < tally_tick(oldest))
			oldest = way;
	}
	if ((port_used >> 32) - tally_tick(oldest) < IN_USE_TICKS)
		return NULL;
	return tally_begin(oldest, load_relaxed(&oldest->name), name, endpoint, port_used) ? oldest
	                                                                                   : NULL;
}

struct tally *counters_tally_slowly(uint64_t name, struct address endpoint, uint32_t port,
                                    uint64_t now_ms)
{
	uint32_t place = counters_tally_place(name, endpoint, port);
	uint32_t tick = (uint32_t)clock_tick(now_ms);
	uint64_t port_used = port | (uint64_t)tick << 32;
	_Atomic uint32_t *full_tick = &full_ticks[place / SHARED_WAYS];
	struct tally *claimed;

	if (!name)
		return NULL;
	for (uint32_t i = 0; i < SHARED_WAYS; i++) {
		struct tally *way = tally_way(place, i);

		if (load_relaxed(&way->low) != endpoint.low || /* mostly so */
		    !counters_tally_is(way, name, endpoint, port))
			continue;
		if (!counters_tally_is_used(way, now_ms))
			store_relaxed(&way->port_used, port_used);
		return way;
	}
	if (load_relaxed(full_tick) == tick)
		return NULL;
	claimed = tally_claim(place, name, endpoint, port_used);
	if (!claimed)
		store_relaxed(full_tick, tick);
	return claimed;
}

struct tally *counters_tally(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	return counters_tally_fast(name, endpoint, port, now_ms);
}

void counters_connected(struct tally *tally, bool rewritten)
{
	counters_connected_fast(tally, rewritten);
}

void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = counters_tally(name, endpoint, port, now_ms);

	if (tally)
		add_relaxed(&tally->failures, 1);
}

void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = counters_tally(name, endpoint, port, now_ms);

	if (tally)
		add_relaxed(&tally->retries, 1);
}

/* What is counted for the endpoints of a name, and their last rewritten connections. */
#include "base/address.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <errno.h>

enum {
	IN_USE_S = 64, /* a tally that was used so lately is not given away */
	RECENT_TRIES = 2
};

/* When all the ways of a place were last found in use, in the grain of port_used. */
static _Atomic uint32_t full_s[SHARED_TALLIES / SHARED_WAYS];

static bool tally_begin(struct tally *tally, uint64_t was, uint64_t name, struct address endpoint,
                        uint64_t port_used)
{
	if (!atomic_compare_exchange_strong(&tally->name, &was, name))
		return false;
	shared_store(&tally->kept, 0);
	shared_store(&tally->rewritten, 0);
	shared_store(&tally->failures, 0);
	shared_store(&tally->retries, 0);
	shared_store(&tally->high, endpoint.high);
	shared_store(&tally->low, endpoint.low);
	/* Last: from now on others find it, and add to it. */
	atomic_store_explicit(&tally->port_used, port_used, memory_order_release);
	return true;
}

/* The way that is looked at as the i-th, of those of which this place is the first. */
static struct tally *tally_way(uint32_t place, uint32_t i)
{
	return &shared()->tallies[place ^ i];
}

/* An unused place, or the one that was not used for the longest; NULL if all of them are in use:
 * endpoints that take places from each other are counted nowhere. Two that begin one for the same
 * endpoint may take two places: whoever reads adds them up. NULL too if somebody else was faster.
 */
static __attribute__((noinline)) struct tally *
tally_claim(uint32_t place, uint64_t name, struct address endpoint, uint64_t port_used)
{
	struct tally *oldest = tally_way(place, 0);

	for (uint32_t i = 0; i < SHARED_WAYS; i++) {
		struct tally *way = tally_way(place, i);

		if (!shared_load(&way->name) && tally_begin(way, 0, name, endpoint, port_used))
			return way;
		if (shared_load(&way->port_used) >> 32 < shared_load(&oldest->port_used) >> 32)
			oldest = way;
	}
	if ((port_used >> 32) - (shared_load(&oldest->port_used) >> 32) < IN_USE_S)
		return NULL;
	return tally_begin(oldest, shared_load(&oldest->name), name, endpoint, port_used) ? oldest
	                                                                                  : NULL;
}

struct tally *counters_tally_slowly(uint64_t name, struct address endpoint, uint32_t port,
                                    uint64_t now_ms)
{
	uint32_t place = counters_tally_place(name, endpoint, port);
	uint64_t port_used = port | now_ms >> 10 << 32;
	_Atomic uint32_t *full = &full_s[place / SHARED_WAYS];
	struct tally *claimed;

	if (!name)
		return NULL;
	for (uint32_t i = 0; i < SHARED_WAYS; i++) {
		struct tally *way = tally_way(place, i);

		if (shared_load(&way->low) != endpoint.low || /* mostly so */
		    !counters_tally_is(way, name, endpoint, port))
			continue;
		if (!counters_tally_is_used(way, now_ms))
			shared_store(&way->port_used, port_used);
		return way;
	}
	if (atomic_load_explicit(full, memory_order_relaxed) == (uint32_t)(now_ms >> 10))
		return NULL;
	claimed = tally_claim(place, name, endpoint, port_used);
	if (!claimed)
		atomic_store_explicit(full, (uint32_t)(now_ms >> 10), memory_order_relaxed);
	return claimed;
}

void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = counters_tally(name, endpoint, port, now_ms);

	if (tally)
		shared_add_one(&tally->failures);
}

void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = counters_tally(name, endpoint, port, now_ms);

	if (tally)
		shared_add_one(&tally->retries);
}

/* ---- The last rewritten connections */

static bool recent_load(const struct shared_recent *from, struct counters_rewrite *rewrite)
{
	const uint64_t results = (1 << COUNTERS_RESULT_BITS) - 1;
	uint64_t first = shared_load(&from->words[0]), check = shared_load(&from->words[3]);
	const struct tally *tally = &shared()->tallies[first % SHARED_TALLIES];

	*rewrite = (struct counters_rewrite){
		.at_ms = first >> (COUNTERS_RESULT_BITS + COUNTERS_TALLY_BITS),
		.asked = {shared_load(&from->words[1]), shared_load(&from->words[2])},
		.name = shared_load(&tally->name),
		.picked = {shared_load(&tally->high), shared_load(&tally->low)},
		.port = (uint32_t)shared_load(&tally->port_used),
		.result = (int)(first >> COUNTERS_TALLY_BITS & results)};
	return check == counters_recent_check(first, rewrite->asked, tally);
}

void counters_recent_failed(struct address picked, uint32_t port, int error)
{
	struct shared *in = shared();
	uint64_t next = shared_load(&in->recent_next);

	for (uint64_t i = 1; i <= SHARED_RECENT; i++) {
		struct shared_recent *at = &in->recent[(next - i) % SHARED_RECENT];
		struct counters_rewrite rewrite;
		uint64_t first = shared_load(&at->words[0]);
		uint32_t place = (uint32_t)(first % SHARED_TALLIES);

		if (!recent_load(at, &rewrite) || rewrite.result != EINPROGRESS ||
		    rewrite.port != port || !address_equal(rewrite.picked, picked))
			continue;
		/* If another one takes the place meanwhile, the check will tell. */
		first = counters_recent_first(rewrite.at_ms, place, error);
		shared_store(&at->words[3],
		             counters_recent_check(first, rewrite.asked, &in->tallies[place]));
		shared_store(&at->words[0], first);
		return;
	}
}

bool counters_read_recent(const struct shared_recent *from, struct counters_rewrite *rewrite)
{
	for (int tries = 0; tries < RECENT_TRIES; tries++)
		if (recent_load(from, rewrite))
			return true;
	return false;
}

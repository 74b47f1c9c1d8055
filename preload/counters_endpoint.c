/* What is counted for the endpoints of a name, and their last rewritten connections. */
#include "counters.h"

#include "shared.h"

#include <errno.h>

enum {
	USED_GRAIN_S = 8, /* how often it is noted that a tally is in use */
	IN_USE_S = 64,    /* a tally that was used so lately is not given away */
	RECENT_TRIES = 2
};

static struct tally *tally_ways(uint64_t name, struct address endpoint, uint32_t port)
{
	/* The name is a good hash already. */
	uint64_t hash = (name ^ endpoint.high ^ endpoint.low ^ (uint64_t)port << 40) *
	                UINT64_C(0x9e3779b97f4a7c15);

	return &shared()->tallies[(hash >> 32) % (SHARED_TALLIES / SHARED_WAYS) * SHARED_WAYS];
}

static inline bool tally_is(const struct tally *tally, uint64_t name, struct address endpoint,
                            uint32_t port)
{
	/* Acquire: pairs with tally_begin, whose zeros are there before the port is. */
	return shared_load(&tally->name) == name &&
	       (uint32_t)atomic_load_explicit(&tally->port_used, memory_order_acquire) == port &&
	       shared_load(&tally->low) == endpoint.low &&
	       shared_load(&tally->high) == endpoint.high;
}

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

/* An unused place, or the one that was not used for the longest; NULL if all of them are in use:
 * endpoints that take places from each other are counted nowhere. Two that begin one for the same
 * endpoint may take two places: whoever reads adds them up. NULL too if somebody else was faster.
 */
static __attribute__((noinline)) struct tally *
tally_claim(struct tally *ways, uint64_t name, struct address endpoint, uint64_t port_used)
{
	struct tally *oldest = ways;

	for (int i = 0; i < SHARED_WAYS; i++) {
		if (!shared_load(&ways[i].name) &&
		    tally_begin(&ways[i], 0, name, endpoint, port_used))
			return &ways[i];
		if (shared_load(&ways[i].port_used) >> 32 < shared_load(&oldest->port_used) >> 32)
			oldest = &ways[i];
	}
	if ((port_used >> 32) - (shared_load(&oldest->port_used) >> 32) < IN_USE_S)
		return NULL;
	return tally_begin(oldest, shared_load(&oldest->name), name, endpoint, port_used) ? oldest
	                                                                                  : NULL;
}

static bool tally_is_used(const struct tally *tally, uint64_t now_ms)
{
	return (now_ms >> 10) - (shared_load(&tally->port_used) >> 32) < USED_GRAIN_S;
}

static struct tally *tally_get(uint64_t name, struct address endpoint, uint32_t port,
                               uint64_t now_ms)
{
	struct tally *ways = tally_ways(name, endpoint, port);
	uint64_t port_used = port | now_ms >> 10 << 32;

	if (!name)
		return NULL;
	for (int i = 0; i < SHARED_WAYS; i++) {
		if (!tally_is(&ways[i], name, endpoint, port))
			continue;
		if (!tally_is_used(&ways[i], now_ms))
			shared_store(&ways[i].port_used, port_used);
		return &ways[i];
	}
	return tally_claim(ways, name, endpoint, port_used);
}

static __attribute__((noinline)) void connected_slowly(uint64_t name, struct address endpoint,
                                                       uint32_t port, bool rewritten,
                                                       uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		shared_add_one(rewritten ? &tally->rewritten : &tally->kept);
}

void counters_connected(uint64_t name, struct address endpoint, uint32_t port, bool rewritten,
                        uint64_t now_ms)
{
	struct tally *first = tally_ways(name, endpoint, port);

	/* The usual way: in the first place, and in use. 0 is no name, and has no tally. */
	if (tally_is(first, name, endpoint, port) && tally_is_used(first, now_ms) && name)
		shared_add_one(rewritten ? &first->rewritten : &first->kept);
	else
		connected_slowly(name, endpoint, port, rewritten, now_ms);
}

void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		shared_add_one(&tally->failures);
}

void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		shared_add_one(&tally->retries);
}

/* ---- The last rewritten connections */

static void recent_load(const struct shared_recent *from, uint64_t words[SHARED_RECENT_WORDS])
{
	for (int i = 0; i < SHARED_RECENT_WORDS; i++)
		words[i] = shared_load(&from->words[i]);
}

void counters_recent_failed(struct address picked, uint32_t port, int error)
{
	struct shared *in = shared();
	uint64_t next = shared_load(&in->recent_next), words[SHARED_RECENT_WORDS];

	for (uint64_t i = 1; i <= SHARED_RECENT; i++) {
		struct shared_recent *at = &in->recent[(next - i) % SHARED_RECENT];

		if (shared_load(&at->words[7]) != (port | (uint64_t)EINPROGRESS << 32) ||
		    shared_load(&at->words[6]) != picked.low ||
		    shared_load(&at->words[5]) != picked.high)
			continue;
		recent_load(at, words);
		if (words[0] != counters_recent_check(words))
			continue;
		/* If another one takes the place meanwhile, the check will tell. */
		words[7] = port | (uint64_t)(uint32_t)error << 32;
		shared_store(&at->words[0], counters_recent_check(words));
		shared_store(&at->words[7], words[7]);
		return;
	}
}

bool counters_read_recent(const struct shared_recent *from, struct counters_rewrite *rewrite)
{
	uint64_t words[SHARED_RECENT_WORDS];

	for (int tries = 0; tries < RECENT_TRIES; tries++) {
		recent_load(from, words);
		if (words[0] != counters_recent_check(words))
			continue;
		*rewrite = (struct counters_rewrite){.name = words[2],
		                                     .at_ms = words[1],
		                                     .asked = {words[3], words[4]},
		                                     .picked = {words[5], words[6]},
		                                     .port = (uint32_t)words[7],
		                                     .result = (int)(words[7] >> 32)};
		return true;
	}
	return false;
}

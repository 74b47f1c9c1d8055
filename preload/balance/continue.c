#include "balance/continue.h"

#include "balance/ejection.h"
#include "base/attributes.h"
#include "directory/snapshot.h"

#include "base/poison.h"

/* Returns when the endpoint at an index last failed (clock_ms); 0: not known, or not ejected. */
static uint64_t failed_ms(const struct candidates *among, uint32_t index)
{
	struct peer peer = {.port = among->port};

	words_load(&peer.address, &among->endpoints[index], sizeof(peer.address));
	return ejection_failed_ms(peer, among->now_ms);
}

static uint32_t next_among(const struct candidates *among, const struct skips *skips,
                           const struct walk_step *step)
{
	const struct walk *walk = &step->walk;
	uint32_t asked = walk_index(walk, step->place), hope = asked;
	bool hopes_asked = walk->failed && !(walk->tried & walk_bit(step->place));
	uint64_t oldest_ms = UINT64_MAX;

	for (uint32_t place = 0; place < among->count && place < WALK_PLACES; place++) {
		uint32_t index = walk_index(walk, place);
		uint64_t rests_since_ms;

		if (walk->tried & walk_bit(place))
			continue;
		if (!skips_has(skips, index))
			return index;
		rests_since_ms = failed_ms(among, index);
		if (rests_since_ms < oldest_ms && !hopes_asked) {
			oldest_ms = rests_since_ms;
			hope = index;
		}
	}
	return hope;
}

/* Apart, because struct skips is large, and signal handlers may have little stack. */
static SELDOM uint32_t next_with_skips(const struct candidates *among, const struct walk_step *step)
{
	struct skips skips;

	pick_skips(among, TRIAL_NONE, &skips);
	return next_among(among, &skips, step);
}

uint32_t continue_next(const struct candidates *among, const struct walk_step *step)
{
	static const struct skips none = {.probe = -1, .leased = -1};

	return skips_any(among->now_ms) ? next_with_skips(among, step)
	                                : next_among(among, &none, step);
}

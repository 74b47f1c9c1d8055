#include "balance/policy.h"

#include "balance/ejection.h"
#include "balance/rotation.h"

#include <stddef.h>

#include "base/poison.h"

static uint32_t rotation_turn(const struct candidates *among, uint32_t count, enum turn turn,
                              uint64_t *ticket)
{
	switch (turn) {
	case TURN_TAKE:
		return rotation_pick(among->key, among->port, count, among->now_ms);
	case TURN_PEEK:
		return rotation_peek(among->key, among->port, count, ticket);
	case TURN_SHOW:
		return rotation_show(among->key, among->port, count);
	case TURN_PREVIEW:
		break;
	}
	return rotation_next(among->key, among->port, count);
}

uint32_t policy_next(const struct candidates *among, const struct skips *skips, enum turn turn,
                     uint64_t *ticket)
{
	return skips_map(skips, rotation_turn(among, among->count - skips->count, turn, ticket));
}

struct preview policy_preview(const struct candidates *among)
{
	struct preview preview = {.skips = {.count = 0}};

	if (ejection_any(among->now_ms))
		ejection_skips(among->endpoints, among->count, among->port, among->now_ms,
		               TRIAL_NONE, &preview.skips);
	preview.count = among->count - preview.skips.count;
	preview.first = rotation_turn(among, preview.count, TURN_PREVIEW, NULL);
	return preview;
}

uint32_t policy_preview_index(const struct preview *preview, uint32_t turn)
{
	return skips_map(&preview->skips, (preview->first + turn) % preview->count);
}

#include "balance/skips.h"

#include "base/attributes.h"

#include "base/poison.h"

bool skips_has(const struct skips *skips, uint32_t index)
{
	for (uint32_t i = 0; i < skips->count; i++)
		if (skips->excluded[i] == index)
			return true;
	return false;
}

void skips_put(struct skips *skips, uint32_t index)
{
	uint32_t at = skips->count++;

	for (; at && skips->excluded[at - 1] > index; at--)
		skips->excluded[at] = skips->excluded[at - 1];
	skips->excluded[at] = (uint16_t)index; /* POOL_ENDPOINTS are fewer */
}

SELDOM void skips_add(struct skips *skips, uint32_t count, uint32_t index)
{
	if (skips->probe == index || skips_has(skips, index) || skips->count == SKIPS_MOST ||
	    skips->count + 1 >= count || ++skips->silent > count / 2)
		return;
	skips_put(skips, index);
}

uint32_t skips_map(const struct skips *skips, uint32_t index)
{
	for (uint32_t i = 0; i < skips->count; i++)
		index += skips->excluded[i] <= index;
	return index;
}

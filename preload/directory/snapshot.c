#include "directory/snapshot.h"

#include <stdint.h>
#include <string.h>

#include "base/poison.h"

_Atomic uint64_t departed_used_ms[DEPARTED];

struct name_state name_state[NAMES];

struct snapshot_state snapshot_state;

int64_t snapshot_find_name(const struct snapshot *snapshot, const struct name_text *text)
{
	uint64_t hash = name_hash(text), count;

	words_load(&count, &snapshot->name_count, sizeof(count));
	for (uint64_t i = 0; i < count && i < NAMES; i++) {
		struct name name;
		struct name_text there;

		words_load(&name, &snapshot->names[i], sizeof(name));
		if (name.hash != hash)
			continue;
		words_load(&there, &snapshot->name_text[i], sizeof(there));
		if (!memcmp(&there, text, sizeof(there)) && name.service < SERVICES)
			return (int64_t)i;
	}
	return -1;
}

const struct address *snapshot_endpoints(const struct snapshot *snapshot, uint32_t service,
                                         enum family family, size_t *count)
{
	const struct service_family *known;

	*count = 0;
	if (service >= snapshot->service_count)
		return NULL;
	known = &snapshot->services[service].family[family];
	*count = known->state == DIRECTORY_POOL ? snapshot->pool_records[known->pool].count : 0;
	return *count ? snapshot->addresses + snapshot->pool_records[known->pool].first : NULL;
}

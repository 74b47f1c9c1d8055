#include "directory/snapshot.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

_Atomic uint64_t departed_used_ms[DEPARTED];

struct snapshot_state snapshot_state;

int64_t snapshot_find_name(const struct snapshot *in, const struct name_text *text)
{
	uint64_t hash = name_hash(text), count;

	words_load(&count, &in->name_count, sizeof(count));
	for (uint64_t i = 0; i < count && i < NAMES; i++) {
		struct name name;
		struct name_text there;

		words_load(&name, &in->names[i], sizeof(name));
		if (name.hash != hash)
			continue;
		words_load(&there, &in->name_text[i], sizeof(there));
		if (!memcmp(&there, text, sizeof(there)) && name.service < SERVICES)
			return (int64_t)i;
	}
	return -1;
}

const struct address *snapshot_endpoints(const struct snapshot *in, uint32_t service,
                                         enum family family, size_t *count)
{
	const struct service_family *of;

	*count = 0;
	if (service >= in->service_count)
		return NULL;
	of = &in->services[service].family[family];
	*count = of->state == DIRECTORY_POOL ? in->sets[of->set].count : 0;
	return *count ? in->addresses + in->sets[of->set].first : NULL;
}

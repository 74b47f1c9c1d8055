/* Exact names in LBDNS_NAMES, for clients that look names up by themselves. */
#include "learn/listed.h"

#include "base/attributes.h"
#include "base/config.h"
#include "base/name.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/writer.h"
#include "shared/segment.h"

#include <string.h>

static atomic_bool listed_added;

bool listed_wanted(void)
{
	return config.listed && !atomic_load_explicit(&listed_added, memory_order_relaxed) &&
	       eligible_any_exact();
}

static bool add_listed(struct draft *draft)
{
	const char *pattern = config.names.text;
	bool added = false;

	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1) {
		struct service service = {.used = true, .listed = true, .exact = true};
		struct name_text name;
		uint32_t place, index;

		if (!config_name_is_exact(pattern) || !name_normalize(pattern, &name) ||
		    config_names_match(&config.exclude, pattern) ||
		    snapshot_find_name(draft->next, &name) >= 0)
			continue;
		place = draft_add_name(draft);
		index = place < NAMES ? draft_add_service(draft) : SERVICES;
		if (index == SERVICES)
			break;
		draft_set_service(draft, index, &service);
		draft_set_service_text(draft, index, &name);
		draft_set_name(draft, place, &name, index);
		service_reset(index);
		added = true;
	}
	return added;
}

SELDOM bool listed_add(void)
{
	struct writer_lock lock;
	struct draft draft;

	if (!writer_trylock(&lock))
		return false;
	shared_start();
	if (draft_begin(&draft) && add_listed(&draft))
		draft_publish(&draft);
	draft_end();
	atomic_store_explicit(&listed_added, true, memory_order_relaxed);
	writer_unlock(&lock);
	return true;
}

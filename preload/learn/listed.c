/* Exact names in LBDNS_NAMES, for clients that look names up by themselves. */
#include "directory/directory.h"

#include "base/process.h"
#include "shared/segment.h"
#include "directory/snapshot.h"

#include <string.h>

static atomic_bool listed_added;

bool directory_wants_listed(void)
{
	return config.listed && !atomic_load_explicit(&listed_added, memory_order_relaxed) &&
	       names_any_exact();
}

static bool add_listed(struct draft *draft)
{
	const char *pattern = config.names.text;
	bool added = false;

	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1) {
		struct service service = {.used = true, .listed = true, .exact = true};
		struct name_text name;
		uint32_t place, index;

		if (!config_name_is_exact(pattern) || !names_normalize(pattern, &name) ||
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
		live_reset(index);
		added = true;
	}
	return added;
}

bool directory_add_listed(void)
{
	struct process_lock lock;
	struct draft draft;

	if (!process_trylock(&lock))
		return false;
	shared_start();
	if (draft_begin(&draft) && add_listed(&draft))
		draft_publish(&draft, NULL, 0);
	draft_end();
	atomic_store_explicit(&listed_added, true, memory_order_relaxed);
	process_unlock(&lock);
	return true;
}

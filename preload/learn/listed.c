#include "learn/listed.h"

#include "base/attributes.h"
#include "base/config.h"
#include "base/log.h"
#include "base/name.h"
#include "base/ports.h"
#include "base/text.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/writer.h"
#include "shared/segment.h"

#include <string.h>

/* The exact names were added, in this process. */
static atomic_bool listed_added;

bool listed_wanted(void)
{
	return config.listed && !atomic_load_explicit(&listed_added, memory_order_relaxed) &&
	       eligible_any_exact();
}

/* Logs the first name that is not added. A lookup of it makes room (learn/names.c). */
static SELDOM void log_without_room(const struct name_text *name)
{
	char number[21];

	log_line(LOG_WARN, "LBDNS_NAMES has more exact names than there is room for, ",
	         text_number(SERVICES, number),
	         ": the others rotate only once they are looked up; the first of them: ",
	         name->text, NULL);
}

/* Adds the exact names that the draft does not have, as far as there is room. Returns true if it
 * added any.
 */
static bool add_listed(struct draft *draft)
{
	const char *pattern = config.names.text;
	bool added = false;

	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1) {
		struct service value = {.used = true, .listed = true, .exact = true};
		struct name_text name;
		uint32_t place, service;

		if (!config_name_is_exact(pattern) || !name_normalize(pattern, &name) ||
		    snapshot_find_name(draft->next, &name) >= 0)
			continue;
		value.ports.listed = config_names_ports(&config.names, pattern);
		value.ports.excluded = config_names_ports(&config.exclude, pattern);
		if (!ports_by(value.ports))
			continue;
		place = draft_add_name(draft);
		service = place < NAMES ? draft_add_service(draft) : SERVICES;
		if (service == SERVICES) {
			log_without_room(&name);
			break;
		}
		draft_set_service(draft, service, &value);
		draft_set_service_text(draft, service, &name);
		draft_set_name(draft, place, &name, service);
		service_reset(service);
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

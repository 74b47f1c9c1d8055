#include "learn/names.h"

#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/claim.h"
#include "shared/counters.h"

#include <stdatomic.h>

/* Returns true for an exact name in LBDNS_NAMES that DNS has not answered for yet. */
static bool is_unresolved(const struct service *service)
{
	return service->exact && !service->absolute_known &&
	       service->family[FAMILY_V4].state == DIRECTORY_UNKNOWN &&
	       service->family[FAMILY_V6].state == DIRECTORY_UNKNOWN;
}

/* Returns the service that is to make room, or SERVICES: one that was never resolved, because
 * LBDNS_NAMES may have more of them than there is room for; else the one that was not used for the
 * longest, if that is longer than LBDNS_IDLE. */
static uint32_t find_idle(const struct snapshot *snapshot)
{
	uint64_t longest_ms = config.idle_ms, now_ms = clock_ms();
	uint32_t idle = SERVICES;

	for (uint32_t s = 0; s < snapshot->service_count; s++) {
		const struct service *service = &snapshot->services[s];
		uint64_t unused_ms = 0;

		if (is_unresolved(service))
			unused_ms = UINT64_MAX;
		else if (!service->exact)
			unused_ms = clock_since(atomic_load_explicit(&service_state[s].used_ms,
			                                             memory_order_relaxed),
			                        now_ms);
		if (service->used && unused_ms > longest_ms) {
			longest_ms = unused_ms;
			idle = s;
		}
	}
	return idle;
}

/* Gives up an idle service with its names. Its endpoints are claimed, because a client may still
 * have them. */
static void evict(struct draft *draft)
{
	uint32_t idle = find_idle(draft->next);

	if (idle == SERVICES)
		return;
	for (uint32_t n = 0; n < draft->next->name_count; n++) {
		if (draft->next->names[n].service != idle)
			continue;
		learn_claim_endpoints(draft->next->names[n].hash, draft, idle);
		draft_set_name(draft, n, &(struct name_text){""}, SERVICES);
	}
	draft_free_service(draft, idle);
}

/* Counts that there is no room for a name, and logs it once in a process. limit is how many there
 * is room for. */
static SELDOM void note_without_room(const struct name_text *name, uint32_t limit)
{
	static atomic_bool logged;
	char number[21];

	counters_without_room();
	/* The name is the last word, because a long one would cut off all that follows it. */
	if (!atomic_exchange_explicit(&logged, true, memory_order_relaxed))
		log_line(LOG_WARN, "no room for more than ", text_number(limit, number),
		         " names: the others are not rotated (LBDNS_NAMES or LBDNS_EXCLUDE say "
		         "which matter); the first of them: ",
		         name->text, NULL);
}

uint32_t names_service(struct draft *draft, const struct name_text *name,
                       const struct eligible *eligible, uint32_t *place)
{
	int64_t found = snapshot_find_name(draft->next, name);
	uint32_t service;

	if (found >= 0) {
		*place = (uint32_t)found;
		return draft->next->names[found].service;
	}
	if (draft->next->service_count == SERVICES || draft->next->name_count == NAMES)
		evict(draft);
	*place = draft_add_name(draft);
	service = *place < NAMES ? draft_add_service(draft) : SERVICES;
	if (service == SERVICES) {
		note_without_room(name, *place < NAMES ? SERVICES : NAMES);
		return SERVICES;
	}
	draft_set_service(draft, service,
	                  &(struct service){.used = true,
	                                    .listed = eligible->verdict == ELIGIBLE_LISTED,
	                                    .exact = eligible_is_exact(name),
	                                    .ports = eligible->ports});
	draft_set_service_text(draft, service, name);
	draft_set_name(draft, *place, name, service);
	service_reset(service);
	return service;
}

#include "learn/from_dns.h"

#include "base/address.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "directory/service.h"
#include "directory/singles.h"
#include "directory/snapshot.h"
#include "learn/canonical.h"
#include "learn/claim.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/merge.h"
#include "learn/writer.h"
#include "shared/counters.h"

#include <string.h>

enum { TTL_LEAST_MS = 1000, TTL_MOST_MS = 5 * 60 * 1000 };

struct refresh {
	struct draft draft;
	uint64_t now_ms;
	bool changed; /* there is something to publish */
};

/* Ends managing a name, because DNS does not know it as libc does (a hosts file, mDNS …) or the
 * settings do not want it. Its endpoints do not depart: they are claimed. */
static SELDOM void unmanage(struct refresh *refresh, uint32_t service, const char *why)
{
	struct service value = draft_service(&refresh->draft, service);
	const struct snapshot *next = refresh->draft.next;

	for (uint32_t n = 0; n < next->name_count; n++)
		if (next->names[n].service == service)
			learn_claim_endpoints(next->names[n].hash, &refresh->draft, service);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		value.family[f].state = DIRECTORY_UNKNOWN;
		atomic_store_explicit(&service_state[service].given_version[f], 0,
		                      memory_order_relaxed);
	}
	value.unmanaged = true;
	value.unmanaged_ms = refresh->now_ms;
	draft_set_service(&refresh->draft, service, &value);
	refresh->changed = true;
	log_line(LOG_INFO, next->service_text[service].text, ": left alone, ", why, NULL);
}

/* Returns another service of an absolute name, of which `but` is an alias; SERVICES if there is
 * none.
 */
static uint32_t find_absolute(const struct snapshot *snapshot, const struct name_text *absolute,
                              uint32_t but)
{
	for (uint32_t s = 0; s < snapshot->service_count; s++)
		if (s != but && snapshot->services[s].used &&
		    snapshot->services[s].absolute_known && !snapshot->services[s].unmanaged &&
		    !memcmp(&snapshot->service_text[s], absolute, sizeof(*absolute)))
			return s;
	return SERVICES;
}

/* Gives a service's names to another one, which is of the same absolute name. What LBDNS_NAMES and
 * LBDNS_EXCLUDE say of either is true of both. */
static void join(struct refresh *refresh, uint32_t service, uint32_t other)
{
	const struct snapshot *next = refresh->draft.next;
	struct service value = draft_service(&refresh->draft, service), joined;

	for (uint32_t n = 0; n < next->name_count; n++) {
		if (next->names[n].service == service) {
			struct name_text name = next->name_text[n];

			draft_set_name(&refresh->draft, n, &name, other);
		}
	}
	service_join(service, other);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (atomic_load_explicit(&service_state[service].given_version[f],
		                         memory_order_relaxed))
			atomic_store_explicit(&service_state[other].given_version[f],
			                      next->services[other].family[f].version,
			                      memory_order_relaxed);
	draft_free_service(&refresh->draft, service);
	joined = draft_service(&refresh->draft, other);
	joined.exact = joined.exact || value.exact;
	joined.ports = ports_of_both(joined.ports, value.ports);
	draft_set_service(&refresh->draft, other, &joined);
}

/* Takes absolute as the name of the service. Returns the service that has it from now on, or
 * SERVICES if the settings do not want that name. */
static uint32_t take_absolute(struct refresh *refresh, uint32_t service, const char *absolute)
{
	struct service value = draft_service(&refresh->draft, service);
	struct name_text asked = refresh->draft.next->service_text[service], text;
	uint32_t other;

	if (!name_normalize(absolute, &text))
		return SERVICES;
	if (!value.absolute_known) {
		struct eligible eligible = eligible_judge_absolute(&asked, absolute);

		if (eligible.verdict == ELIGIBLE_NEVER) {
			unmanage(refresh, service, "by LBDNS_NAMES or LBDNS_EXCLUDE");
			return SERVICES;
		}
		value.ports = eligible.ports;
		draft_set_service(&refresh->draft, service, &value);
	}
	other = find_absolute(refresh->draft.next, &text, service);
	refresh->changed = true;
	if (!value.absolute_known)
		counters_alias(&asked, &text);
	if (other != SERVICES) {
		join(refresh, service, other);
		return other;
	}
	value.absolute_known = true;
	draft_set_service(&refresh->draft, service, &value);
	draft_set_service_text(&refresh->draft, service, &text);
	return service;
}

static void log_change(const struct refresh *refresh, uint32_t service, size_t count)
{
	char number[21];

	if (log_wants(LOG_INFO))
		log_line(LOG_INFO, refresh->draft.next->service_text[service].text, ": ",
		         text_number(count, number), " endpoints", NULL);
}

/* Returns what LBDNS_REFRESH says, or the answer's TTL within bounds; for a name of one address
 * that never had more the longer of both, SINGLES_INTERVAL_MS at least. */
static uint32_t interval_of(const struct answer *answer, bool single)
{
	uint64_t ttl_ms = TTL_MOST_MS;
	uint32_t least_ms = single ? singles_interval_ms() : TTL_LEAST_MS;

	if (config.refresh_ms && !single)
		return config.refresh_ms;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome == DNS_ADDRESSES &&
		    (uint64_t)answer->family[f].ttl_s * 1000 < ttl_ms)
			ttl_ms = (uint64_t)answer->family[f].ttl_s * 1000;
	return (uint32_t)(ttl_ms < least_ms ? least_ms : ttl_ms);
}

/* Returns true if nothing came to any of the questions. */
static bool is_silent(const struct answer *answer)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome != DNS_NOT_ASKED && !answer->family[f].silent)
			return false;
	return true;
}

static void note_check(const struct refresh *refresh, uint32_t service, const struct answer *answer)
{
	atomic_store_explicit(&service_state[service].checked_ms, refresh->now_ms,
	                      memory_order_relaxed);
	if (!is_silent(answer))
		atomic_store_explicit(&service_state[service].unanswered, 0, memory_order_relaxed);
}

/* Notes whether lookups of a family may be answered without libc. They may once DNS has said what
 * the family has, or that it has nothing. Silence changes nothing, nor does a denial of a pool that
 * stays. */
static void note_confirmed(uint32_t service, const struct answer *answer,
                           const struct merge_after *after)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		enum directory_state state = after->family[f].state;
		enum dns_outcome outcome = answer->family[f].outcome;
		bool confirmed = (state == DIRECTORY_POOL && outcome == DNS_ADDRESSES) ||
		                 (state == DIRECTORY_NONE && answer_denies(answer, f));

		if (outcome == DNS_NOT_ASKED ||
		    (outcome == DNS_FAILED && answer->family[f].silent) ||
		    (state == DIRECTORY_POOL && answer_denies(answer, f)))
			continue;
		atomic_store_explicit(&service_state[service].confirmed[f],
		                      confirmed && after->believed, memory_order_relaxed);
	}
}

/* Notes what an answer that was not believed leaves behind. */
static void take_rejected(struct refresh *refresh, uint32_t service,
                          const struct merge_after *after)
{
	struct service_state *state = &service_state[service];

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		atomic_store_explicit(&state->last_rejected_key[f], after->family[f].rejected_key,
		                      memory_order_relaxed);
		atomic_store_explicit(&state->denials[f], after->family[f].denials,
		                      memory_order_relaxed);
	}
	if (after->unmanaged)
		unmanage(refresh, service, "DNS does not know it as libc does");
}

/* Takes over the pools, and notes what is true of them whether or not they can be published. */
static void take_pools(struct refresh *refresh, uint32_t service, const struct merge_before *before,
                       const struct merge_after *after)
{
	struct service_state *state = &service_state[service];

	if (draft_take(&refresh->draft, service, after))
		refresh->changed = true;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (after->family[f].replaced) {
			/* after_publish notes that the pool is fresh. */
			log_change(refresh, service, after->family[f].count);
			continue;
		}
		atomic_store_explicit(&state->denials[f], after->family[f].denials,
		                      memory_order_relaxed);
		if (after->family[f].refreshed)
			atomic_store_explicit(&state->good_ms[f], refresh->now_ms,
			                      memory_order_relaxed);
		if (after->family[f].state == DIRECTORY_GONE &&
		    before->family[f].state != DIRECTORY_GONE)
			log_change(refresh, service, 0);
	}
}

/* Returns the service that the answer is of; SERVICES if there is none any more. */
static uint32_t refresh_locked(struct refresh *refresh, uint32_t service,
                               const struct answer *answer)
{
	struct merge_before before = draft_before(&refresh->draft, service);
	struct merge_after after = merge(&before, answer);
	const char *name = refresh->draft.next->service_text[service].text;
	bool answered = answer->absolute[0];

	note_check(refresh, service, answer);
	if (!after.believed) {
		note_confirmed(service, answer, &after);
		take_rejected(refresh, service, &after);
		return service;
	}
	if (answered && (!before.absolute_known || strcmp(name, answer->absolute))) {
		uint32_t asked = service;

		service = take_absolute(refresh, service, answer->absolute);
		if (service == SERVICES)
			return SERVICES;
		if (service != asked) {
			note_check(refresh, service, answer);
			before = draft_before(&refresh->draft, service);
			after = merge(&before, answer);
		}
	}
	take_pools(refresh, service, &before, &after);
	if (canonical_forget(&refresh->draft, service, answer))
		refresh->changed = true;
	if (draft_service(&refresh->draft, service).absolute_known)
		atomic_store_explicit(&service_state[service].unsure, false, memory_order_relaxed);
	if (answered)
		atomic_store_explicit(
			&service_state[service].interval_ms,
			interval_of(answer, draft_service(&refresh->draft, service).single),
			memory_order_relaxed);
	note_confirmed(service, answer, &after);
	return service;
}

/* Returns what became of both families: DNS_ADDRESSES if either has any, else the worse of the two.
 */
static enum dns_outcome outcome_of(const struct answer *answer)
{
	enum dns_outcome v4 = answer->family[FAMILY_V4].outcome,
			 v6 = answer->family[FAMILY_V6].outcome;

	if (v4 == DNS_ADDRESSES || v6 == DNS_ADDRESSES)
		return DNS_ADDRESSES;
	return v4 > v6 ? v4 : v6;
}

static uint32_t ttl_of(const struct answer *answer)
{
	uint32_t ttl_s = UINT32_MAX;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome == DNS_ADDRESSES && answer->family[f].ttl_s < ttl_s)
			ttl_s = answer->family[f].ttl_s;
	return ttl_s == UINT32_MAX ? 0 : ttl_s;
}

/* Counts an answer for all processes. published is the snapshot with what this refresh changed. */
static void count(const struct refresh *refresh, const struct snapshot *published, uint32_t service,
                  const struct answer *answer)
{
	struct counters_refresh counted = {
		.name = &published->service_text[service],
		.now_ms = refresh->now_ms,
		.outcome = outcome_of(answer),
		.interval_ms = atomic_load_explicit(&service_state[service].interval_ms,
	                                            memory_order_relaxed),
		.ttl_s = ttl_of(answer),
		.changed = refresh->draft.change_count > 0};

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t endpoints;

		snapshot_endpoints(published, service, f, &endpoints);
		counted.endpoints[f] = (uint32_t)endpoints;
	}
	counters_refreshed(&counted);
}

/* Returns true if the service that DNS was asked for is still at its place, which may have been
 * given to another one since, and has the absolute name that it had. */
static bool is_there(const struct draft *draft, const struct due *due)
{
	const struct service *service = &draft->old->services[due->service];

	return service->used && service->generation == due->generation &&
	       (!due->absolute || service->absolute_known);
}

bool learn_from_dns(const struct due *due, const struct answer *answer)
{
	struct refresh refresh = {.now_ms = clock_ms()};
	struct writer_lock lock;

	if (!writer_trylock(&lock))
		return false;
	if (draft_begin(&refresh.draft) && is_there(&refresh.draft, due)) {
		uint32_t service = refresh_locked(&refresh, due->service, answer);

		if (refresh.changed)
			draft_publish(&refresh.draft);
		if (service < SERVICES)
			count(&refresh, refresh.changed ? refresh.draft.next : refresh.draft.old,
			      service, answer);
	}
	draft_end();
	writer_unlock(&lock);
	return true;
}

/* What DNS's answers teach. */
#include "learn/from_dns.h"

#include "base/address.h"
#include "base/address_set.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/from_libc.h"
#include "learn/writer.h"
#include "shared/counters.h"

#include <string.h>

enum { TTL_LEAST_MS = 1000, TTL_MOST_MS = 5 * 60 * 1000 };

struct refresh {
	struct draft draft;
	struct change changes[FAMILY_COUNT];
	size_t change_count;
	bool changed; /* there is something to publish */
};

static uint32_t count_denial(uint32_t service, enum family family)
{
	return atomic_fetch_add_explicit(&service_state[service].denials[family], 1,
	                                 memory_order_relaxed) +
	       1;
}

static void clear_denials(uint32_t service, enum family family, uint64_t now_ms)
{
	atomic_store_explicit(&service_state[service].denials[family], 0, memory_order_relaxed);
	atomic_store_explicit(&service_state[service].good_ms[family], now_ms,
	                      memory_order_relaxed);
}

static bool says_nothing(const struct resolver_answer *answer, enum family family)
{
	return answer->family[family].outcome == DNS_NO_DATA ||
	       answer->family[family].outcome == DNS_NO_NAME;
}

/* DNS does not know this name as libc does (a hosts file, mDNS …), or it is not to be managed after
 * all: its addresses are claimed. */
static SELDOM void unmanage(struct refresh *refresh, uint32_t service, uint64_t now_ms,
                            const char *why)
{
	struct service value = draft_service(&refresh->draft, service);
	const struct snapshot *next = refresh->draft.next;

	for (uint32_t n = 0; n < next->name_count; n++) {
		if (next->names[n].service != service)
			continue;
		for (enum family f = 0; f < FAMILY_COUNT; f++) {
			size_t count;
			const struct address *had =
				snapshot_endpoints(refresh->draft.old, service, f, &count);

			for (size_t i = 0; i < count; i++)
				learn_claim(next->names[n].hash, had[i]);
		}
	}
	value.family[FAMILY_V4].state = DIRECTORY_UNKNOWN;
	value.family[FAMILY_V6].state = DIRECTORY_UNKNOWN;
	value.unmanaged = true;
	value.unmanaged_ms = now_ms;
	/* Its endpoints do not depart: they are claimed. */
	atomic_store_explicit(&service_state[service].given_version[FAMILY_V4], 0,
	                      memory_order_relaxed);
	atomic_store_explicit(&service_state[service].given_version[FAMILY_V6], 0,
	                      memory_order_relaxed);
	draft_set_service(&refresh->draft, service, &value);
	refresh->changed = true;
	log_line(LOG_INFO, next->service_text[service].text, ": left alone, ", why, NULL);
}

/* Does DNS know the name as libc does? Yes once an answer shares an address with libc's, or where
 * libc never gave one. */
static bool is_believable(const struct refresh *refresh, uint32_t service,
                          const struct resolver_answer *answer)
{
	bool has_pool = false, has_answer = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t count;
		const struct address *had =
			snapshot_endpoints(refresh->draft.old, service, f, &count);

		if (address_set_overlaps(had, count, answer->family[f].addresses,
		                         answer->family[f].count))
			return true;
		has_pool = has_pool || count;
		has_answer = has_answer || answer->family[f].outcome == DNS_ADDRESSES;
	}
	return !has_pool && has_answer;
}

/* DNS says the same thrice, and not what libc says. A server that names other addresses of many
 * each time may yet come to those that libc was given. */
static void forgive_other(uint32_t service, enum family family, const struct address *addresses,
                          size_t count)
{
	uint64_t key = address_set_key(addresses, count);

	if (atomic_exchange_explicit(&service_state[service].last_rejected_key[family], key,
	                             memory_order_relaxed) != key)
		atomic_store_explicit(&service_state[service].denials[family], 0,
		                      memory_order_relaxed);
}

static void strike_unbelieved(struct refresh *refresh, uint32_t service,
                              const struct resolver_answer *answer, uint64_t now_ms)
{
	bool out = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		bool pool =
			draft_service(&refresh->draft, service).family[f].state == DIRECTORY_POOL;
		bool other = pool && answer->family[f].outcome == DNS_ADDRESSES;

		if (other)
			forgive_other(service, f, answer->family[f].addresses,
			              answer->family[f].count);
		if (other || says_nothing(answer, f))
			out = (count_denial(service, f) >= DENIALS_TO_DROP && pool) || out;
	}
	if (out)
		unmanage(refresh, service, now_ms, "DNS does not know it as libc does");
}

/* Another service of the same absolute name: this one is an alias of it. */
static uint32_t find_pinned(const struct snapshot *in, const struct name_text *absolute,
                            uint32_t but)
{
	for (uint32_t s = 0; s < in->service_count; s++)
		if (s != but && in->services[s].used && in->services[s].absolute_known &&
		    !in->services[s].unmanaged &&
		    !memcmp(&in->service_text[s], absolute, sizeof(*absolute)))
			return s;
	return SERVICES;
}

/* Takes absolute as the name of the service; returns the service that has it from now on, or
 * SERVICES if the settings do not want that name. */
static uint32_t pin(struct refresh *refresh, uint32_t service, const char *absolute,
                    uint64_t now_ms)
{
	struct service value = draft_service(&refresh->draft, service);
	const struct snapshot *next = refresh->draft.next;
	struct name_text asked = next->service_text[service], text;
	uint32_t other;

	if (!name_normalize(absolute, &text))
		return SERVICES;
	if (!value.absolute_known && eligible_judge_absolute(&asked, absolute) == ELIGIBLE_NEVER) {
		unmanage(refresh, service, now_ms, "by LBDNS_NAMES or LBDNS_EXCLUDE");
		return SERVICES;
	}
	other = find_pinned(next, &text, service);
	refresh->changed = true;
	if (!value.absolute_known)
		counters_alias(&asked, &text);
	if (other == SERVICES) {
		value.absolute_known = true;
		draft_set_service(&refresh->draft, service, &value);
		draft_set_service_text(&refresh->draft, service, &text);
		return service;
	}
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
	value.exact |= next->services[other].exact;
	draft_free_service(&refresh->draft, service);
	if (value.exact) {
		value = draft_service(&refresh->draft, other);
		value.exact = true;
		draft_set_service(&refresh->draft, other, &value);
	}
	return other;
}

static void set_state(struct refresh *refresh, uint32_t service, enum family family, uint32_t state)
{
	struct service value = draft_service(&refresh->draft, service);

	if (value.family[family].state == state)
		return;
	value.family[family].state = state;
	draft_set_service(&refresh->draft, service, &value);
	refresh->changed = true;
}

static void log_change(const struct refresh *refresh, uint32_t service, size_t count)
{
	char number[21];

	if (log_wants(LOG_INFO))
		log_line(LOG_INFO, refresh->draft.next->service_text[service].text, ": ",
		         text_number(count, number), " endpoints", NULL);
}

/* Endpoints that this refresh brings already, of the other family. */
static size_t changed_count(const struct refresh *refresh)
{
	return refresh->change_count ? refresh->changes[0].count : 0;
}

static void take_addresses(struct refresh *refresh, uint32_t service, enum family family,
                           const struct resolver_answer *answer, uint64_t now_ms)
{
	const struct address *addresses = answer->family[family].addresses;
	size_t count = answer->family[family].count, had_count;
	struct service value = draft_service(&refresh->draft, service);
	const struct address *had =
		snapshot_endpoints(refresh->draft.old, service, family, &had_count);

	if (had_count == count && !memcmp(had, addresses, count * sizeof(*had))) {
		clear_denials(service, family, now_ms);
		return;
	}
	if ((!value.listed && !address_set_is_private(addresses, count)) ||
	    (count > had_count &&
	     !snapshot_has_room(refresh->draft.old, count - had_count + changed_count(refresh)))) {
		set_state(refresh, service, family, DIRECTORY_UNKNOWN);
		return;
	}
	set_state(refresh, service, family, DIRECTORY_POOL);
	refresh->changes[refresh->change_count++] = (struct change){
		.service = service, .family = family, .endpoints = addresses, .count = count};
	refresh->changed = true;
	log_change(refresh, service, count);
}

static void take_nothing(struct refresh *refresh, uint32_t service, enum family family)
{
	uint32_t state = draft_service(&refresh->draft, service).family[family].state;

	if (state == DIRECTORY_UNKNOWN)
		set_state(refresh, service, family, DIRECTORY_NONE);
	if (state != DIRECTORY_POOL || count_denial(service, family) < DENIALS_TO_DROP)
		return;
	set_state(refresh, service, family, DIRECTORY_GONE);
	log_change(refresh, service, 0);
}

static uint32_t interval_of(const struct resolver_answer *answer)
{
	uint64_t ttl_ms = TTL_MOST_MS;

	if (config.refresh_ms)
		return config.refresh_ms;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome == DNS_ADDRESSES &&
		    (uint64_t)answer->family[f].ttl_s * 1000 < ttl_ms)
			ttl_ms = (uint64_t)answer->family[f].ttl_s * 1000;
	return (uint32_t)(ttl_ms < TTL_LEAST_MS ? TTL_LEAST_MS : ttl_ms);
}

static void note_check(uint32_t service, uint64_t now_ms)
{
	atomic_store_explicit(&service_state[service].checked_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&service_state[service].unanswered, 0, memory_order_relaxed);
}

/* Returns the service that the answer is of, SERVICES if there is none any more. */
static uint32_t refresh_locked(struct refresh *refresh, uint32_t service,
                               const struct resolver_answer *answer, uint64_t now_ms)
{
	struct service value = draft_service(&refresh->draft, service);
	const char *name = refresh->draft.next->service_text[service].text;
	bool answered = answer->absolute[0];

	note_check(service, now_ms);
	if (!value.absolute_known && !is_believable(refresh, service, answer)) {
		strike_unbelieved(refresh, service, answer, now_ms);
		return service;
	}
	if (answered && (!value.absolute_known || strcmp(name, answer->absolute))) {
		uint32_t asked = service;

		service = pin(refresh, service, answer->absolute, now_ms);
		if (service == SERVICES)
			return SERVICES;
		if (service != asked)
			note_check(service, now_ms);
	}
	if (answered)
		atomic_store_explicit(&service_state[service].interval_ms, interval_of(answer),
		                      memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (answer->family[f].outcome == DNS_ADDRESSES)
			take_addresses(refresh, service, f, answer, now_ms);
		else if (says_nothing(answer, f))
			take_nothing(refresh, service, f);
	}
	return service;
}

/* Of both families: addresses if there are any, else what was worse. */
static enum dns_outcome outcome_of(const struct resolver_answer *answer)
{
	enum dns_outcome v4 = answer->family[FAMILY_V4].outcome,
			 v6 = answer->family[FAMILY_V6].outcome;

	if (v4 == DNS_ADDRESSES || v6 == DNS_ADDRESSES)
		return DNS_ADDRESSES;
	return v4 > v6 ? v4 : v6;
}

static uint32_t ttl_of(const struct resolver_answer *answer)
{
	uint32_t ttl_s = UINT32_MAX;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome == DNS_ADDRESSES && answer->family[f].ttl_s < ttl_s)
			ttl_s = answer->family[f].ttl_s;
	return ttl_s == UINT32_MAX ? 0 : ttl_s;
}

/* published: with what this refresh changed. */
static void count(const struct snapshot *published, uint32_t service,
                  const struct resolver_answer *answer, uint64_t now_ms, bool changed)
{
	struct counters_refresh counted = {
		.name = &published->service_text[service],
		.now_ms = now_ms,
		.outcome = outcome_of(answer),
		.interval_ms = atomic_load_explicit(&service_state[service].interval_ms,
	                                            memory_order_relaxed),
		.ttl_s = ttl_of(answer),
		.changed = changed};

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t endpoints;

		snapshot_endpoints(published, service, f, &endpoints);
		counted.endpoints[f] = (uint32_t)endpoints;
	}
	counters_refreshed(&counted);
}

/* Is what was asked for still at its place? Another name may have been given it since. */
static bool is_there(const struct draft *draft, const struct due *due)
{
	const struct service *service = &draft->old->services[due->service];

	return service->used && service->generation == due->generation;
}

bool learn_from_dns(const struct due *due, const struct resolver_answer *answer)
{
	struct refresh refresh = {.changed = false};
	struct writer_lock lock;

	if (!writer_trylock(&lock))
		return false;
	if (draft_begin(&refresh.draft) && is_there(&refresh.draft, due)) {
		uint64_t now_ms = clock_ms();
		uint32_t service = refresh_locked(&refresh, due->service, answer, now_ms);

		if (refresh.changed)
			draft_publish(&refresh.draft, refresh.changes, refresh.change_count);
		if (service < SERVICES)
			count(refresh.changed ? refresh.draft.next : refresh.draft.old, service,
			      answer, now_ms, refresh.change_count > 0);
	}
	draft_end();
	writer_unlock(&lock);
	return true;
}

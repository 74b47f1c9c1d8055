/* What libc's answers teach: pools for names that are eligible, claims for all else. */
#include "learn/from_libc.h"

#include "base/address_set.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/process.h"
#include "directory/claims.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "dns/resolver.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/writer.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	UNMANAGED_FOR_MS = 10 * 60 * 1000, /* then DNS is asked again whether it knows the name */
	LOCK_TRIES = 1000,                 /* 0.1 s */
	LOCK_NAP_NS = 100000
};

void learn_claim(uint64_t key, struct address address)
{
	/* Only addresses that a pool may have. Public ones are managed only where LBDNS_NAMES lists
	 * them. */
	if (config.listed || address_is_private(address))
		claims_add(address, key);
}

static void claim_family(uint64_t key, const struct directory_answer *answer, enum family family)
{
	for (size_t i = 0; i < answer->family[family].count; i++)
		learn_claim(key, answer->family[family].addresses[i]);
}

static void claim_all(uint64_t key, const struct directory_answer *answer)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		claim_family(key, answer, f);
}

/* May this family be a pool? A name that is managed may come down to one endpoint; one that is not
 * yet needs two. */
static bool is_pool(const struct directory_answer *answer, enum family family, bool listed,
                    bool managed)
{
	size_t count = answer->family[family].count;

	if (count > RESOLVER_ADDRESS_LIMIT || count < (listed || managed ? 1 : 2))
		return false;
	return listed || address_set_is_private(answer->family[family].addresses, count);
}

static bool is_eligible(const struct directory_answer *answer, bool listed)
{
	return is_pool(answer, FAMILY_V4, listed, false) ||
	       is_pool(answer, FAMILY_V6, listed, false);
}

static bool is_dns_current(const struct listing *listing)
{
	return listing->believed && !service_is_overdue(listing->age_ms, listing->interval_ms);
}

/* DNS was found not to know this name as libc does, not long ago. */
static bool is_unmanaged(const struct name_text *name)
{
	uint64_t sequence;
	const struct snapshot *snapshot = snapshot_read(&sequence);
	int64_t place = snapshot ? snapshot_find_name(snapshot, name) : -1;
	struct service service = {.used = false};
	struct name found;

	if (place < 0)
		return false;
	words_load(&found, &snapshot->names[place], sizeof(found));
	if (found.service < SERVICES)
		words_load(&service, &snapshot->services[found.service], sizeof(service));
	return service.unmanaged &&
	       clock_since(service.unmanaged_ms, clock_ms()) < UNMANAGED_FOR_MS &&
	       snapshot_valid(sequence);
}

/* Is this address in the service's pool? */
static bool is_endpoint(uint32_t service, struct address address)
{
	uint64_t sequence;
	const struct snapshot *snapshot = snapshot_read(&sequence);
	int64_t endpoint = snapshot ? snapshot_find(snapshot, address) : -1;
	struct membership membership;
	struct endpoint_info info;

	if (endpoint < 0)
		return false;
	words_load(&info, &snapshot->infos[endpoint], sizeof(info));
	words_load(&membership, &snapshot->memberships[info.membership % MEMBERSHIPS],
	           sizeof(membership));
	for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
		struct pool_record pool;

		words_load(&pool, &snapshot->pool_records[membership.pools[i] % POOL_RECORDS],
		           sizeof(pool));
		if (pool.service == service)
			return snapshot_valid(sequence);
	}
	return false;
}

/* DNS is asked for this name anyway and says more than one answer of libc, which may come from a
 * cache: only what it does not know yet is claimed, so that a connection to it is not taken for
 * another pool's. */
static bool learn_known_name(const struct name_text *name, const struct listing *listing,
                             const struct directory_answer *answer)
{
	if (!is_dns_current(listing))
		return false;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->families & FAMILY_BIT(f) &&
		    (listing->family[f].state != DIRECTORY_POOL || !listing->family[f].fresh) &&
		    (listing->family[f].state != DIRECTORY_NONE || answer->family[f].count))
			return false;
	if (answer->families == (FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6)) &&
	    answer->order != ORDER_UNKNOWN && listing->order == ORDER_UNKNOWN)
		return false;
	if (answer->canonical && !listing->has_canonical)
		return false;
	listing_given(listing, answer->families);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		for (size_t i = 0; i < answer->family[f].count; i++)
			if (!is_endpoint(listing->service, answer->family[f].addresses[i]))
				learn_claim(name_hash(name), answer->family[f].addresses[i]);
	}
	return true;
}

/* An exact name in LBDNS_NAMES that DNS has not answered for yet. */
static bool is_unresolved(const struct service *service)
{
	return service->exact && !service->absolute_known &&
	       service->family[FAMILY_V4].state == DIRECTORY_UNKNOWN &&
	       service->family[FAMILY_V6].state == DIRECTORY_UNKNOWN;
}

/* Gives up one that was never resolved, for LBDNS_NAMES may have more of them than there is room;
 * else the name that was not used for the longest, if that is longer than LBDNS_IDLE. What it was
 * handed is claimed. */
static void evict(struct draft *draft)
{
	uint64_t longest_ms = config.idle_ms, now_ms = clock_ms();
	uint32_t victim = SERVICES;

	for (uint32_t s = 0; s < draft->next->service_count; s++) {
		const struct service *service = &draft->next->services[s];
		uint64_t unused_ms = is_unresolved(service) ? UINT64_MAX
		                     : service->exact
		                             ? 0
		                             : clock_since(service_state[s].used_ms, now_ms);

		if (service->used && unused_ms > longest_ms) {
			longest_ms = unused_ms;
			victim = s;
		}
	}
	for (uint32_t n = 0; victim < SERVICES && n < draft->next->name_count; n++) {
		struct name name = draft->next->names[n];

		if (name.service != victim)
			continue;
		for (enum family f = 0; f < FAMILY_COUNT; f++) {
			size_t count;
			const struct address *had =
				snapshot_endpoints(draft->old, victim, f, &count);

			for (size_t i = 0; i < count; i++)
				learn_claim(name.hash, had[i]);
		}
		draft_set_name(draft, n, &(struct name_text){""}, SERVICES);
	}
	if (victim < SERVICES)
		draft_free_service(draft, victim);
}

/* The service of a name in the draft, made if need be; SERVICES if there is no room. */
static uint32_t draft_name(struct draft *draft, const struct name_text *name, bool listed,
                           uint32_t *place)
{
	int64_t at = snapshot_find_name(draft->next, name);
	uint32_t service;

	if (at >= 0) {
		*place = (uint32_t)at;
		return draft->next->names[at].service;
	}
	if (draft->next->service_count == SERVICES || draft->next->name_count == NAMES)
		evict(draft);
	*place = draft_add_name(draft);
	service = *place < NAMES ? draft_add_service(draft) : SERVICES;
	if (service == SERVICES)
		return SERVICES;
	draft_set_service(draft, service,
	                  &(struct service){.used = true,
	                                    .listed = listed,
	                                    .exact = eligible_is_exact(name)});
	draft_set_service_text(draft, service, name);
	draft_set_name(draft, *place, name, service);
	service_reset(service);
	return service;
}

static void draft_answer(struct draft *draft, uint32_t service,
                         const struct directory_answer *answer, uint64_t key,
                         struct change *changes, size_t *change_count)
{
	struct service value = draft_service(draft, service);
	uint64_t now_ms = clock_ms();

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct service_family *of = &value.family[f];

		if (!(answer->families & FAMILY_BIT(f)))
			continue;
		if (!answer->family[f].count) {
			if (of->state != DIRECTORY_POOL)
				of->state = DIRECTORY_NONE;
		} else if (is_pool(answer, f, value.listed, true)) {
			of->state = DIRECTORY_POOL;
			changes[(*change_count)++] =
				(struct change){.service = service,
			                        .family = f,
			                        .endpoints = answer->family[f].addresses,
			                        .count = answer->family[f].count};
			/* draft_publish raises the version. */
			atomic_store_explicit(&service_state[service].given_version[f],
			                      of->version + 1, memory_order_relaxed);
		} else {
			of->state = DIRECTORY_UNKNOWN;
			claim_family(key, answer, f);
		}
	}
	if (answer->order != ORDER_UNKNOWN)
		value.order = answer->order;
	value.unmanaged = false;
	draft_set_service(draft, service, &value);
	atomic_store_explicit(&service_state[service].checked_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&service_state[service].due_base_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&service_state[service].used_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&service_state[service].due_now, answer->may_be_truncated,
	                      memory_order_relaxed);
}

/* Is there room for the answer in the place of what the name has? */
static bool has_room(const struct snapshot *old, const struct name_text *name,
                     const struct directory_answer *answer)
{
	int64_t at = snapshot_find_name(old, name);
	size_t more = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t had = 0;

		if (at >= 0)
			snapshot_endpoints(old, old->names[at].service, f, &had);
		if (answer->family[f].count > had)
			more += answer->family[f].count - had;
	}
	return snapshot_has_room(old, more);
}

static bool learn_locked(const struct name_text *name, const struct directory_answer *answer,
                         bool listed)
{
	struct change changes[FAMILY_COUNT];
	size_t change_count = 0;
	struct name_text canonical;
	struct draft draft;
	uint32_t service, place;

	shared_start();
	if (!draft_begin(&draft))
		return false;
	/* Before anything is evicted for it. */
	if (!has_room(draft.old, name, answer))
		return false; /* the draft is simply not published */
	service = draft_name(&draft, name, listed, &place);
	if (service == SERVICES)
		return false;
	if (answer->canonical && name_normalize(answer->canonical, &canonical))
		draft_set_canonical(&draft, place, &canonical);
	draft_answer(&draft, service, answer, name_hash(name), changes, &change_count);
	if (!draft_publish(&draft, changes, change_count))
		return false;
	counters_name(name);
	return true;
}

/* Threads that look a name up for the first time at the same moment: the right to write is held for
 * microseconds, and who did without would have to claim what the others manage. */
static bool lock_soon(struct writer_lock *lock)
{
	const struct timespec nap = {.tv_nsec = LOCK_NAP_NS};

	for (int i = 0; i < LOCK_TRIES && process_is_own(); i++) {
		if (writer_trylock(lock))
			return true;
		syscall(SYS_nanosleep, &nap, NULL);
	}
	return false;
}

bool learn_from_libc(const struct name_text *name, const struct directory_answer *answer)
{
	uint64_t key = name_hash(name);
	struct listing listing;
	bool known = listing_find(name, &listing), learned;
	enum eligible_verdict verdict;
	struct writer_lock lock;

	if (known && learn_known_name(name, &listing, answer))
		return true;
	verdict = eligible_judge(name);
	if (verdict == ELIGIBLE_NEVER || is_unmanaged(name) ||
	    (!known && !is_eligible(answer, verdict == ELIGIBLE_LISTED)) || !lock_soon(&lock)) {
		claim_all(key, answer);
		return false;
	}
	learned = learn_locked(name, answer, verdict == ELIGIBLE_LISTED);
	draft_end();
	writer_unlock(&lock);
	if (!learned)
		claim_all(key, answer);
	else
		log_line(LOG_DEBUG, name->text, ": learned from libc", NULL);
	return learned;
}

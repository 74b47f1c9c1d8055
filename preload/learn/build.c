/* Builds a snapshot from the published one and what changes: pools, memberships, the index. */
#include "base/address.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "base/name.h"
#include "directory/claims.h"
#include "directory/route.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/build.h"
#include "learn/draft.h"

#include <string.h>

enum { INDEX_SMALLEST = 64 };

void build_index_set(struct build *build, uint64_t slot, uint32_t value)
{
	uint64_t *index = build->next->index, pair = index[slot / 2];

	pair &= ~((uint64_t)UINT32_MAX << 32 * (slot & 1));
	pair |= (uint64_t)value << 32 * (slot & 1);
	words_store(&index[slot / 2], &pair, sizeof(pair));
}

/* Makes an empty index that is never more than half full. */
static void index_clear(struct snapshot *snapshot, size_t entries)
{
	static const uint64_t none;
	uint64_t size = INDEX_SMALLEST;

	while (size < 2 * entries)
		size *= 2;
	words_store(&snapshot->index_mask, &(uint64_t){size - 1}, sizeof(uint64_t));
	for (uint64_t slot = 0; slot < size; slot += 2)
		words_store(&snapshot->index[slot / 2], &none, sizeof(none));
}

uint32_t build_add_endpoint(struct build *build, struct address address, struct endpoint_info info)
{
	uint32_t bit = route_sieve_bit(address);

	atomic_fetch_or_explicit(&route_sieve[bit / 64], UINT64_C(1) << bit % 64,
	                         memory_order_relaxed);
	words_store(&build->next->addresses[build->endpoints], &address, sizeof(address));
	words_store(&build->next->infos[build->endpoints], &info, sizeof(info));
	return build->endpoints++;
}

static uint32_t add_pool_record(struct build *build, const struct pool_record *pool)
{
	words_store(&build->next->pool_records[build->pool_records], pool, sizeof(*pool));
	return build->pool_records++;
}

uint32_t build_add_membership(struct build *build, const struct membership *membership)
{
	if (build->memberships == MEMBERSHIPS)
		return MEMBERSHIP_TOO_MANY;
	words_store(&build->next->memberships[build->memberships], membership, sizeof(*membership));
	return build->memberships++;
}

static const struct change *change_of(const struct draft *draft, uint32_t service,
                                      enum family family)
{
	for (size_t i = 0; i < draft->change_count; i++)
		if (draft->changes[i].service == service && draft->changes[i].family == family)
			return &draft->changes[i];
	return NULL;
}

bool build_is_same(const struct build *build, uint32_t service)
{
	const struct service *is = &build->next->services[service];

	return is->used && service < build->old->service_count &&
	       is->generation == build->old->services[service].generation;
}

/* Returns the version that an endpoint joined its pool with: what it was before, or this one. */
static uint32_t joined_version_of(const struct build *build, uint32_t service, enum family family,
                                  struct address address, uint32_t version)
{
	const struct snapshot *old = build->old;
	size_t count;
	const struct address *before = snapshot_endpoints(old, service, family, &count);
	int64_t index = address_set_find(before, count, address);
	uint32_t place;

	if (index >= 0 && build_is_same(build, service))
		return old->infos[before + index - old->addresses].joined_version;
	place = departed_place_of(old, address);
	if (place == NO_SLOT)
		return version;
	/* It has departed from another name, whose clients may still ask for it. */
	if (place == DEPARTED || old->departed[place].service != service ||
	    !build_is_same(build, service))
		return version | JOINED_SHARED;
	/* It comes back to its own name. Clients were given it before, whatever version they were
	 * given since: 1 is older than any. */
	return clock_since(departed_used_ms[place], clock_ms()) < DEPARTED_KEPT_MS ? 1 : version;
}

/* Puts the last pool behind those before it that have the same endpoints. */
static void join_equals(struct build *build)
{
	struct snapshot *next = build->next;
	uint32_t last = build->pool_records - 1;
	const struct pool_record *pool = &next->pool_records[last];

	/* From the end: the first one that is met is the last of its equals. */
	for (uint32_t p = last; p-- > 0;) {
		struct pool_record other = next->pool_records[p];

		if (other.key != pool->key || other.count != pool->count ||
		    memcmp(&next->addresses[other.first], &next->addresses[pool->first],
		           pool->count * sizeof(*next->addresses)) != 0)
			continue;
		other.next_equal = (uint16_t)last;
		words_store(&next->pool_records[p], &other, sizeof(other));
		return;
	}
}

/* Adds a service's pool of one family: its new endpoints, or those it had. */
static void build_pool(struct build *build, uint32_t service, enum family family)
{
	const struct change *change = change_of(build->draft, service, family);
	struct service value = draft_service(build->draft, service);
	struct service_family *known = &value.family[family];
	const struct address *from;
	size_t count;
	struct pool_record pool = {
		.first = build->endpoints, .service = (uint16_t)service, .family = family};

	if (change) {
		from = change->endpoints;
		count = change->count;
		known->version++;
	} else {
		from = snapshot_endpoints(build->old, service, family, &count);
	}
	for (size_t i = 0; i < count; i++)
		build_add_endpoint(build, from[i],
		                   (struct endpoint_info){.membership = build->memberships,
		                                          .joined_version = joined_version_of(
								  build, service, family, from[i],
								  known->version)});
	pool.count = (uint32_t)count;
	pool.key = address_set_key(from, count);
	known->pool = add_pool_record(build, &pool);
	join_equals(build);
	/* MEMBERSHIP_FIRST_POOL + known->pool. */
	build_add_membership(build, &(struct membership){.redirect_to = known->pool,
	                                                 .count = 1,
	                                                 .pools = {(uint16_t)known->pool},
	                                                 .ports = PORTS_ALL});
	draft_set_service(build->draft, service, &value);
}

/* Returns the membership of the pools of `base` and of one pool more. */
static uint32_t membership_with(struct build *build, uint32_t base, uint32_t pool)
{
	struct membership membership = build->next->memberships[base];

	membership.redirect_to = NO_POOL;
	if (base == MEMBERSHIP_TOO_MANY || membership.count == MEMBERSHIP_POOLS)
		return MEMBERSHIP_TOO_MANY;
	membership.pools[membership.count++] = (uint16_t)pool;
	for (uint32_t i = MEMBERSHIP_TOO_MANY + 1; i < build->memberships; i++) {
		const struct membership *other = &build->next->memberships[i];
		bool same = other->count == membership.count;

		for (uint32_t k = 0; same && k < membership.count; k++)
			same = other->pools[k] == membership.pools[k];
		if (same)
			return i;
	}
	return build_add_membership(build, &membership);
}

/* Puts the pools' endpoints into the index. An address in several pools gets the membership of all
 * of them, where those with the same endpoints are one, the first of them. Returns true if there is
 * any such address. */
static bool build_index(struct build *build, uint32_t pools)
{
	bool *is_equal = build->draft->scratch->is_equal;
	bool overlap = false;

	memset(is_equal, 0, pools * sizeof(*is_equal));
	for (uint32_t p = 0; p < pools; p++) {
		const struct pool_record *pool = &build->next->pool_records[p];

		if (pool->next_equal)
			overlap = is_equal[pool->next_equal] = true;
		if (is_equal[p])
			continue;
		for (uint32_t e = pool->first; e < pool->first + pool->count; e++) {
			uint64_t slot;
			int64_t there =
				snapshot_probe(build->next, build->next->addresses[e],
			                       address_hash(build->next->addresses[e]), &slot);
			struct endpoint_info info;

			if (there < 0) {
				build_index_set(build, slot, e + 1);
				continue;
			}
			overlap = true;
			info = build->next->infos[there];
			info.membership = membership_with(build, info.membership, p);
			words_store(&build->next->infos[there], &info, sizeof(info));
		}
	}
	return overlap;
}

/* Returns how many of the names that have a membership's pools DNS is believed for. Other names may
 * be other spellings of one. */
static uint32_t count_believed(const struct build *build, const struct membership *membership)
{
	uint32_t believed = 0;

	for (uint32_t k = 0; k < membership->count; k++) {
		uint32_t index = membership->pools[k];
		struct pool_record pool = build->next->pool_records[index];

		do
			believed += build->next->services[pool.service].absolute_known;
		while (snapshot_next_equal(build->next, &index, &pool));
	}
	return believed;
}

/* Sets JOINED_SHARED for the endpoints that two names of DNS have, so that connections to them are
 * never redirected once they depart. */
static void note_shared(struct build *build, uint32_t pools)
{
	for (uint32_t p = 0; p < pools; p++) {
		const struct pool_record *pool = &build->next->pool_records[p];

		for (uint32_t e = pool->first; e < pool->first + pool->count; e++) {
			struct endpoint_info info = build->next->infos[e];
			int64_t indexed = snapshot_find(build->next, build->next->addresses[e]);
			const struct membership *membership =
				&build->next->memberships[build->next->infos[indexed].membership];

			if (membership->count && count_believed(build, membership) < 2)
				continue;
			info.joined_version |= JOINED_SHARED;
			words_store(&build->next->infos[e], &info, sizeof(info));
		}
	}
}

/* Returns the pool_record of what the pools of a membership have in common; NO_POOL if that is less
 * than two endpoints, or there is no room. */
static uint32_t intersection(struct build *build, const struct membership *membership)
{
	const struct pool_record *first = &build->next->pool_records[membership->pools[0]];
	struct address *both = build->draft->scratch->addresses;
	struct pool_record pool = {
		.first = build->endpoints, .service = first->service, .family = first->family};
	size_t count = first->count;

	for (size_t i = 0; i < count; i++)
		both[i] = build->next->addresses[first->first + i];
	for (uint32_t k = 1; k < membership->count; k++) {
		const struct pool_record *next = &build->next->pool_records[membership->pools[k]];

		count = address_set_intersect(both, count, build->next->addresses + next->first,
		                              next->count, both);
	}
	if (count < 2)
		return NO_POOL;
	pool.key = address_set_key(both, count);
	for (uint32_t s = 0; s < build->pool_records; s++)
		if (build->next->pool_records[s].key == pool.key &&
		    build->next->pool_records[s].count == count)
			return s;
	if (build->pool_records == POOL_RECORDS || build->endpoints + count > ENDPOINTS - DEPARTED)
		return NO_POOL;
	pool.count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		build_add_endpoint(build, both[i],
		                   (struct endpoint_info){.membership = MEMBERSHIP_TOO_MANY});
	return add_pool_record(build, &pool);
}

/* Says what may be said of new endpoints only once they are published: that the pool is fresh (what
 * it replaces may be stale), and that they are claimed no longer (before, they are in no pool of
 * the name). */
static void after_publish(const struct snapshot *snapshot, const struct change *change)
{
	struct service_state *state = &service_state[change->service];

	atomic_store_explicit(&state->denials[change->family], 0, memory_order_relaxed);
	atomic_store_explicit(&state->good_ms[change->family], clock_ms(), memory_order_relaxed);
	claims_release(departed_claim_key(snapshot, change->service), change->endpoints,
	               change->count);
	for (uint32_t n = 0; n < snapshot->name_count; n++)
		if (snapshot->names[n].service == change->service)
			claims_release(snapshot->names[n].hash, change->endpoints, change->count);
}

/* Adds all pools and puts them into the index. Returns how many pools there are. */
static uint32_t build_pools(struct build *build)
{
	struct snapshot *next = build->next;
	uint32_t pools, in_several;

	/* MEMBERSHIP_TOO_MANY */
	build_add_membership(build,
	                     &(struct membership){.redirect_to = NO_POOL, .ports = PORTS_ALL});
	for (uint32_t s = 0; s < next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (next->services[s].used &&
			    next->services[s].family[f].state == DIRECTORY_POOL)
				build_pool(build, s, f);
	pools = build->pool_records;
	in_several = build->memberships; /* MEMBERSHIP_FIRST_POOL + pools */
	if (build_index(build, pools))
		note_shared(build, pools);
	build_ports(build, pools);
	for (uint32_t m = in_several; m < build->memberships; m++) {
		struct membership membership = next->memberships[m];

		membership.redirect_to = intersection(build, &membership);
		words_store(&next->memberships[m], &membership, sizeof(membership));
	}
	return pools;
}

bool draft_publish(struct draft *draft)
{
	struct build build = {.draft = draft, .next = draft->next, .old = draft->old};
	struct snapshot *next = draft->next;
	/* An endpoint stays, or departs, or was departed. */
	size_t entries = draft->old->endpoint_count;
	uint32_t pools;

	for (size_t i = 0; i < draft->change_count; i++)
		entries += draft->changes[i].count;
	index_clear(next, entries < POOL_ENDPOINTS + 2 * DEPARTED ? entries : INDEX / 2);
	pools = build_pools(&build);
	departed_build(&build);
	departed_index(&build);
	word_store(&next->endpoint_count, build.endpoints);
	word_store(&next->pool_record_count, build.pool_records);
	word_store(&next->membership_count, build.memberships);
	word_store(&next->departed_count, build.departed);
	word_store(&next->pool_count, pools);
	if (!draft_commit(draft))
		return false;
	for (size_t i = 0; i < draft->change_count; i++)
		after_publish(next, &draft->changes[i]);
	return true;
}

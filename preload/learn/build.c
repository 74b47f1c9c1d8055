/* Building a snapshot from the published one and a change: pools, memberships, departed addresses,
 * the index. The writer only. */
#include "base/address.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "base/name.h"
#include "directory/claims.h"
#include "directory/route.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/draft.h"

enum { INDEX_SMALLEST = 64 };

static void index_set(struct snapshot *snapshot, uint64_t slot, uint32_t value)
{
	uint64_t pair = snapshot->index[slot / 2];

	pair &= ~((uint64_t)UINT32_MAX << 32 * (slot & 1));
	pair |= (uint64_t)value << 32 * (slot & 1);
	words_store(&snapshot->index[slot / 2], &pair, sizeof(pair));
}

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

struct build {
	struct draft *draft;
	struct snapshot *next;
	const struct snapshot *old;
	uint32_t endpoints, pool_records, memberships, departed;
};

static uint32_t add_endpoint(struct build *build, struct address address, struct endpoint_info info)
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

static uint32_t add_membership(struct build *build, const struct membership *membership)
{
	if (build->memberships == MEMBERSHIPS)
		return MEMBERSHIP_TOO_MANY;
	words_store(&build->next->memberships[build->memberships], membership, sizeof(*membership));
	return build->memberships++;
}

static const struct change *change_of(const struct change *changes, size_t count, uint32_t service,
                                      enum family family)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].service == service && changes[i].family == family)
			return &changes[i];
	return NULL;
}

/* Is the service at a place the one that was there before? Its place may have been given to another
 * in this very draft. */
static bool is_same(const struct build *build, uint32_t service)
{
	const struct service *is = &build->next->services[service];

	return is->used && service < build->old->service_count &&
	       is->generation == build->old->services[service].generation;
}

/* The place in the table of an address that a client was handed for a name that it has left;
 * NO_SLOT if it is none. */
static uint32_t departed_place_of(const struct snapshot *old, struct address address)
{
	int64_t endpoint = snapshot_find(old, address);

	if (endpoint < 0 || old->memberships[old->infos[endpoint].membership].count)
		return NO_SLOT;
	return old->infos[endpoint].membership == MEMBERSHIP_TOO_MANY
	               ? DEPARTED
	               : old->infos[endpoint].departed_place;
}

/* The version that an endpoint joined with: the old one's, or this. */
static uint32_t joined_version_of(const struct build *build, uint32_t service, enum family family,
                                  struct address address, uint32_t version)
{
	const struct snapshot *old = build->old;
	size_t count;
	const struct address *before = snapshot_endpoints(old, service, family, &count);
	int64_t index = address_set_find(before, count, address);
	uint32_t place;

	if (index >= 0 && is_same(build, service))
		return old->infos[before + index - old->addresses].joined_version;
	place = departed_place_of(old, address);
	if (place == NO_SLOT)
		return version;
	/* Whoever has it next does not know whose clients still ask for it. */
	if (place == DEPARTED || old->departed[place].service != service ||
	    !is_same(build, service))
		return version | JOINED_SHARED;
	/* It comes back: it was handed out before. */
	return clock_since(departed_used_ms[place], clock_ms()) < DEPARTED_KEPT_MS ? 1 : version;
}

static void build_pool(struct build *build, uint32_t service, enum family family,
                       const struct change *change)
{
	struct service value = draft_service(build->draft, service);
	struct service_family *known = &value.family[family];
	const struct address *from;
	size_t count;
	struct pool_record pool = {.first = build->endpoints, .service = service, .family = family};

	if (change) {
		from = change->endpoints;
		count = change->count;
		known->version++;
	} else {
		from = snapshot_endpoints(build->old, service, family, &count);
	}
	for (size_t i = 0; i < count; i++)
		add_endpoint(build, from[i],
		             (struct endpoint_info){
				     .membership = build->memberships,
				     .joined_version = joined_version_of(build, service, family,
		                                                         from[i], known->version)});
	pool.count = (uint32_t)count;
	pool.key = address_set_key(from, count);
	known->pool = add_pool_record(build, &pool);
	/* MEMBERSHIP_FIRST_POOL + known->pool. */
	add_membership(build, &(struct membership){.redirect_to = known->pool,
	                                           .count = 1,
	                                           .pools = {(uint16_t)known->pool}});
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
	return add_membership(build, &membership);
}

/* Puts the pools' endpoints into the index; an address in several gets the membership of all of
 * them. True if there is any such. */
static bool build_index(struct build *build, uint32_t pools)
{
	bool overlap = false;

	for (uint32_t s = 0; s < pools; s++) {
		const struct pool_record *pool = &build->next->pool_records[s];

		for (uint32_t e = pool->first; e < pool->first + pool->count; e++) {
			uint64_t slot;
			int64_t there =
				snapshot_probe(build->next, build->next->addresses[e],
			                       address_hash(build->next->addresses[e]), &slot);
			struct endpoint_info info;

			if (there < 0) {
				index_set(build->next, slot, e + 1);
				continue;
			}
			overlap = true;
			info = build->next->infos[there];
			info.membership = membership_with(build, info.membership, s);
			words_store(&build->next->infos[there], &info, sizeof(info));
		}
	}
	return overlap;
}

/* An address that two names of DNS hold is never redirected once it departs. Names that are not
 * pinned yet may be other spellings of one. */
static void note_shared(struct build *build, uint32_t pools)
{
	for (uint32_t s = 0; s < pools; s++) {
		const struct pool_record *pool = &build->next->pool_records[s];

		for (uint32_t e = pool->first; e < pool->first + pool->count; e++) {
			struct endpoint_info info = build->next->infos[e];
			int64_t there = snapshot_find(build->next, build->next->addresses[e]);
			const struct membership *membership =
				&build->next->memberships[build->next->infos[there].membership];
			uint32_t absolute_known = 0;

			for (uint32_t k = 0; k < membership->count; k++)
				absolute_known +=
					build->next
						->services[build->next
				                                   ->pool_records
				                                           [membership->pools[k]]
				                                   .service]
						.absolute_known;
			if (membership->count != 1 && (absolute_known > 1 || !membership->count)) {
				info.joined_version |= JOINED_SHARED;
				words_store(&build->next->infos[e], &info, sizeof(info));
			}
		}
	}
}

/* Returns the pool_record of what the pools of a membership have in common. */
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
		add_endpoint(build, both[i],
		             (struct endpoint_info){.membership = MEMBERSHIP_TOO_MANY});
	return add_pool_record(build, &pool);
}

/* ---- Departed addresses */

/* A free place in the table, or that of the one not asked for the longest. */
static uint32_t departed_place(struct build *build)
{
	uint32_t oldest = 0;

	for (uint32_t i = 0; i < build->departed; i++)
		if (!build->next->departed[i].used)
			return i;
	if (build->departed < DEPARTED)
		return build->departed++;
	for (uint32_t i = 1; i < DEPARTED; i++)
		if (departed_used_ms[i] < departed_used_ms[oldest])
			oldest = i;
	return oldest;
}

static void depart(struct build *build, uint32_t service, enum family family,
                   struct address address)
{
	struct departed record = {
		.address = address, .used = 1, .service = service, .family = family};
	uint32_t place = departed_place(build);

	words_store(&build->next->departed[place], &record, sizeof(record));
	atomic_store_explicit(&departed_used_ms[place], clock_ms(), memory_order_relaxed);
}

/* What stands in the claims for the addresses that a service has left and another one still has. */
static uint64_t departed_claim_key(const struct snapshot *snapshot, uint32_t service)
{
	return ~name_hash(&snapshot->service_text[service]);
}

/* The endpoints that a service had and has no more, if this process was handed them for it. Those
 * in no other pool, nor ever in another answer, are sent on to the service's pool; those in another
 * pool are claimed: who still asks for them may mean either. */
static void depart_from(struct build *build, uint32_t service, enum family family)
{
	size_t count, now_count;
	const struct address *before = snapshot_endpoints(build->old, service, family, &count);
	const struct address *now = snapshot_endpoints(build->next, service, family, &now_count);
	uint32_t given_version = atomic_load_explicit(&service_state[service].given_version[family],
	                                              memory_order_relaxed);

	for (size_t i = 0; i < count; i++) {
		uint32_t joined_version =
			build->old->infos[before + i - build->old->addresses].joined_version;

		if (address_set_find(now, now_count, before[i]) >= 0 ||
		    given_version < (joined_version & ~JOINED_SHARED))
			continue;
		if (snapshot_find(build->next, before[i]) >= 0)
			claims_add(before[i], departed_claim_key(build->old, service));
		else if (!(joined_version & JOINED_SHARED))
			depart(build, service, family, before[i]);
	}
}

static void build_departed(struct build *build)
{
	uint64_t now = clock_ms();

	build->departed = (uint32_t)build->old->departed_count;
	words_store(build->next->departed, build->old->departed,
	            build->departed * sizeof(struct departed));
	for (uint32_t i = 0; i < build->departed; i++) {
		struct departed record = build->next->departed[i];

		/* In a pool again, its own or another's; or not asked for in a long time; or its
		 * name is no more. */
		if (record.used && clock_since(departed_used_ms[i], now) < DEPARTED_KEPT_MS &&
		    is_same(build, record.service) &&
		    snapshot_find(build->next, record.address) < 0)
			continue;
		record.used = 0;
		words_store(&build->next->departed[i], &record, sizeof(record));
	}
	for (uint32_t s = 0; s < build->next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (is_same(build, s))
				depart_from(build, s, f);
}

static void index_departed(struct build *build)
{
	for (uint32_t s = 0; s < build->next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			build->draft->scratch->departed_membership[s][f] = NO_POOL;
	for (uint32_t i = 0; i < build->departed; i++) {
		const struct departed *record = &build->next->departed[i];
		const struct service_family *known;
		struct endpoint_info info;
		uint32_t *membership;
		uint64_t slot;

		if (!record->used || snapshot_probe(build->next, record->address,
		                                    address_hash(record->address), &slot) >= 0)
			continue;
		known = &build->next->services[record->service].family[record->family];
		membership = &build->draft->scratch
		                      ->departed_membership[record->service][record->family];
		if (*membership == NO_POOL)
			*membership = add_membership(
				build,
				&(struct membership){.redirect_to = known->state == DIRECTORY_POOL
			                                                    ? known->pool
			                                                    : NO_POOL});
		info = (struct endpoint_info){.membership = *membership, .departed_place = i};
		index_set(build->next, slot, add_endpoint(build, record->address, info) + 1);
	}
}

/* What may only be said of a pool once it is published: that it is fresh (a stale one that it takes
 * the place of is not), and that its addresses are claimed no longer (they are in no pool of the
 * name before). */
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

bool draft_publish(struct draft *draft, const struct change *changes, size_t change_count)
{
	struct build build = {.draft = draft, .next = draft->next, .old = draft->old};
	struct snapshot *next = draft->next;
	/* An endpoint stays, or departs, or was departed. */
	size_t entries = draft->old->endpoint_count;
	uint32_t pools, in_several;

	add_membership(&build,
	               &(struct membership){.redirect_to = NO_POOL}); /* MEMBERSHIP_TOO_MANY */
	for (size_t i = 0; i < change_count; i++)
		entries += changes[i].count;
	index_clear(next, entries < POOL_ENDPOINTS + 2 * DEPARTED ? entries : INDEX / 2);
	for (uint32_t s = 0; s < next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (next->services[s].used &&
			    next->services[s].family[f].state == DIRECTORY_POOL)
				build_pool(&build, s, f, change_of(changes, change_count, s, f));
	pools = build.pool_records;
	in_several = build.memberships; /* MEMBERSHIP_FIRST_POOL + pools */
	if (build_index(&build, pools))
		note_shared(&build, pools);
	for (uint32_t m = in_several; m < build.memberships; m++) {
		struct membership membership = next->memberships[m];

		membership.redirect_to = intersection(&build, &membership);
		words_store(&next->memberships[m], &membership, sizeof(membership));
	}
	build_departed(&build);
	index_departed(&build);
	word_store(&next->endpoint_count, build.endpoints);
	word_store(&next->pool_record_count, build.pool_records);
	word_store(&next->membership_count, build.memberships);
	word_store(&next->departed_count, build.departed);
	word_store(&next->pool_count, pools);
	if (!draft_commit(draft))
		return false;
	for (size_t i = 0; i < change_count; i++)
		after_publish(next, &changes[i]);
	return true;
}

/* Building a snapshot from the published one and a change: sets, groups, departed addresses, the
 * index. The writer only. */
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

static void index_set(struct snapshot *in, uint64_t slot, uint32_t value)
{
	uint64_t pair = in->index[slot / 2];

	pair &= ~((uint64_t)UINT32_MAX << 32 * (slot & 1));
	pair |= (uint64_t)value << 32 * (slot & 1);
	words_store(&in->index[slot / 2], &pair, sizeof(pair));
}

static void index_clear(struct snapshot *in, size_t entries)
{
	static const uint64_t none;
	uint64_t size = INDEX_SMALLEST;

	while (size < 2 * entries)
		size *= 2;
	words_store(&in->index_mask, &(uint64_t){size - 1}, sizeof(uint64_t));
	for (uint64_t slot = 0; slot < size; slot += 2)
		words_store(&in->index[slot / 2], &none, sizeof(none));
}

struct build {
	struct draft *draft;
	struct snapshot *next;
	const struct snapshot *old;
	uint32_t endpoints, sets, groups, departed;
};

static uint32_t add_endpoint(struct build *build, struct address address, uint32_t group,
                             uint32_t since)
{
	struct mark mark = {.group = group, .since = since};
	uint32_t bit = route_sieve_bit(address);

	atomic_fetch_or_explicit(&route_sieve[bit / 64], UINT64_C(1) << bit % 64,
	                         memory_order_relaxed);
	words_store(&build->next->addresses[build->endpoints], &address, sizeof(address));
	words_store(&build->next->marks[build->endpoints], &mark, sizeof(mark));
	return build->endpoints++;
}

static uint32_t add_set(struct build *build, const struct set *set)
{
	words_store(&build->next->sets[build->sets], set, sizeof(*set));
	return build->sets++;
}

static uint32_t add_group(struct build *build, const struct group *group)
{
	if (build->groups == GROUPS)
		return GROUP_FIXED;
	words_store(&build->next->groups[build->groups], group, sizeof(*group));
	return build->groups++;
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
static uint32_t departed_at(const struct snapshot *old, struct address address)
{
	int64_t at = snapshot_find(old, address);

	if (at < 0 || old->groups[old->marks[at].group].count)
		return NO_SLOT;
	return old->marks[at].group == GROUP_FIXED ? DEPARTED : old->marks[at].since;
}

/* The version that an endpoint joined with: the old one's, or this. */
static uint32_t since_of(const struct build *build, uint32_t service, enum family family,
                         struct address address, uint32_t version)
{
	const struct snapshot *old = build->old;
	size_t count;
	const struct address *was = snapshot_endpoints(old, service, family, &count);
	int64_t at = address_set_find(was, count, address);
	uint32_t place;

	if (at >= 0 && is_same(build, service))
		return old->marks[was + at - old->addresses].since;
	place = departed_at(old, address);
	if (place == NO_SLOT)
		return version;
	/* Whoever has it next does not know whose clients still ask for it. */
	if (place == DEPARTED || old->departed[place].service != service ||
	    !is_same(build, service))
		return version | SINCE_SHARED;
	/* It comes back: it was handed out before. */
	return clock_since(departed_used_ms[place], clock_ms()) < DEPARTED_KEPT_MS ? 1 : version;
}

static void build_pool(struct build *build, uint32_t service, enum family family,
                       const struct change *change)
{
	struct service value = draft_service(build->draft, service);
	struct service_family *of = &value.family[family];
	const struct address *from;
	size_t count;
	struct set set = {.first = build->endpoints, .service = service, .family = family};

	if (change) {
		from = change->endpoints;
		count = change->count;
		of->version++;
	} else {
		from = snapshot_endpoints(build->old, service, family, &count);
	}
	for (size_t i = 0; i < count; i++)
		add_endpoint(build, from[i], build->groups,
		             since_of(build, service, family, from[i], of->version));
	set.count = (uint32_t)count;
	set.key = address_set_key(from, count);
	of->set = add_set(build, &set);
	/* A group for each set by itself. */
	add_group(build,
	          &(struct group){.candidate = of->set, .count = 1, .member = {(uint16_t)of->set}});
	draft_set_service(build->draft, service, &value);
}

/* The group of another one's members and this set. */
static uint32_t group_with(struct build *build, uint32_t base, uint32_t set)
{
	struct group group = build->next->groups[base];

	group.candidate = NO_SET;
	if (base == GROUP_FIXED || group.count == GROUP_MEMBERS)
		return GROUP_FIXED;
	group.member[group.count++] = (uint16_t)set;
	for (uint32_t i = GROUP_FIXED + 1; i < build->groups; i++) {
		const struct group *other = &build->next->groups[i];
		bool same = other->count == group.count;

		for (uint32_t k = 0; same && k < group.count; k++)
			same = other->member[k] == group.member[k];
		if (same)
			return i;
	}
	return add_group(build, &group);
}

/* Puts the pools' endpoints into the index; an address in several gets the group of all of them.
 * True if there is any such. */
static bool build_index(struct build *build, uint32_t pools)
{
	bool overlap = false;

	for (uint32_t s = 0; s < pools; s++) {
		const struct set *set = &build->next->sets[s];

		for (uint32_t e = set->first; e < set->first + set->count; e++) {
			uint64_t slot;
			int64_t there =
				snapshot_probe(build->next, build->next->addresses[e],
			                       address_hash(build->next->addresses[e]), &slot);
			struct mark mark;

			if (there < 0) {
				index_set(build->next, slot, e + 1);
				continue;
			}
			overlap = true;
			mark = build->next->marks[there];
			mark.group = group_with(build, mark.group, s);
			words_store(&build->next->marks[there], &mark, sizeof(mark));
		}
	}
	return overlap;
}

/* An address that two names of DNS hold is never redirected once it departs. Names that are not
 * pinned yet may be other spellings of one. */
static void mark_shared(struct build *build, uint32_t pools)
{
	for (uint32_t s = 0; s < pools; s++) {
		const struct set *set = &build->next->sets[s];

		for (uint32_t e = set->first; e < set->first + set->count; e++) {
			struct mark mark = build->next->marks[e];
			int64_t there = snapshot_find(build->next, build->next->addresses[e]);
			const struct group *group =
				&build->next->groups[build->next->marks[there].group];
			uint32_t absolute_known = 0;

			for (uint32_t k = 0; k < group->count; k++)
				absolute_known +=
					build->next
						->services[build->next->sets[group->member[k]]
				                                   .service]
						.absolute_known;
			if (group->count != 1 && (absolute_known > 1 || !group->count)) {
				mark.since |= SINCE_SHARED;
				words_store(&build->next->marks[e], &mark, sizeof(mark));
			}
		}
	}
}

/* What the pools of a group have in common, as a set. */
static uint32_t intersection(struct build *build, const struct group *group)
{
	const struct set *first = &build->next->sets[group->member[0]];
	struct address *both = build->draft->scratch->addresses;
	struct set set = {
		.first = build->endpoints, .service = first->service, .family = first->family};
	size_t count = first->count;

	for (size_t i = 0; i < count; i++)
		both[i] = build->next->addresses[first->first + i];
	for (uint32_t k = 1; k < group->count; k++) {
		const struct set *next = &build->next->sets[group->member[k]];

		count = address_set_intersect(both, count, build->next->addresses + next->first,
		                              next->count, both);
	}
	if (count < 2)
		return NO_SET;
	set.key = address_set_key(both, count);
	for (uint32_t s = 0; s < build->sets; s++)
		if (build->next->sets[s].key == set.key && build->next->sets[s].count == count)
			return s;
	if (build->sets == SETS || build->endpoints + count > ENDPOINTS - DEPARTED)
		return NO_SET;
	set.count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		add_endpoint(build, both[i], GROUP_FIXED, 0);
	return add_set(build, &set);
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
static uint64_t departed_claim_key(const struct snapshot *in, uint32_t service)
{
	return ~name_hash(&in->service_text[service]);
}

/* The endpoints that a service had and has no more, if this process was handed them for it. Those
 * in no other pool, nor ever in another answer, are sent on to the service's pool; those in another
 * pool are claimed: who still asks for them may mean either. */
static void depart_from(struct build *build, uint32_t service, enum family family)
{
	size_t count, now_count;
	const struct address *was = snapshot_endpoints(build->old, service, family, &count);
	const struct address *now = snapshot_endpoints(build->next, service, family, &now_count);
	uint32_t given_version = atomic_load_explicit(&service_state[service].given_version[family],
	                                              memory_order_relaxed);

	for (size_t i = 0; i < count; i++) {
		uint32_t since = build->old->marks[was + i - build->old->addresses].since;

		if (address_set_find(now, now_count, was[i]) >= 0 ||
		    given_version < (since & ~SINCE_SHARED))
			continue;
		if (snapshot_find(build->next, was[i]) >= 0)
			claims_add(was[i], departed_claim_key(build->old, service));
		else if (!(since & SINCE_SHARED))
			depart(build, service, family, was[i]);
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
			build->draft->scratch->departed_group[s][f] = NO_SET;
	for (uint32_t i = 0; i < build->departed; i++) {
		const struct departed *record = &build->next->departed[i];
		const struct service_family *of;
		uint32_t *group;
		uint64_t slot;

		if (!record->used || snapshot_probe(build->next, record->address,
		                                    address_hash(record->address), &slot) >= 0)
			continue;
		of = &build->next->services[record->service].family[record->family];
		group = &build->draft->scratch->departed_group[record->service][record->family];
		if (*group == NO_SET)
			*group = add_group(build,
			                   &(struct group){.candidate = of->state == DIRECTORY_POOL
			                                                        ? of->set
			                                                        : NO_SET});
		index_set(build->next, slot, add_endpoint(build, record->address, *group, i) + 1);
	}
}

/* What may only be said of a pool once it is published: that it is fresh (a stale one that it takes
 * the place of is not), and that its addresses are claimed no longer (they are in no pool of the
 * name before). */
static void after_publish(const struct snapshot *in, const struct change *change)
{
	struct service_state *of = &service_state[change->service];

	atomic_store_explicit(&of->denials[change->family], 0, memory_order_relaxed);
	atomic_store_explicit(&of->good_ms[change->family], clock_ms(), memory_order_relaxed);
	claims_release(departed_claim_key(in, change->service), change->endpoints, change->count);
	for (uint32_t n = 0; n < in->name_count; n++)
		if (in->names[n].service == change->service)
			claims_release(in->names[n].hash, change->endpoints, change->count);
}

bool draft_publish(struct draft *draft, const struct change *changes, size_t change_count)
{
	struct build build = {.draft = draft, .next = draft->next, .old = draft->old};
	struct snapshot *next = draft->next;
	/* An endpoint stays, or departs, or was departed. */
	size_t entries = draft->old->endpoint_count;
	uint32_t pools, alone;

	add_group(&build, &(struct group){.candidate = NO_SET}); /* GROUP_FIXED */
	for (size_t i = 0; i < change_count; i++)
		entries += changes[i].count;
	index_clear(next, entries < POOL_ENDPOINTS + 2 * DEPARTED ? entries : INDEX / 2);
	for (uint32_t s = 0; s < next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (next->services[s].used &&
			    next->services[s].family[f].state == DIRECTORY_POOL)
				build_pool(&build, s, f, change_of(changes, change_count, s, f));
	pools = build.sets;
	alone = build.groups; /* GROUP_ALONE + pools */
	if (build_index(&build, pools))
		mark_shared(&build, pools);
	for (uint32_t g = alone; g < build.groups; g++) {
		struct group group = next->groups[g];

		group.candidate = intersection(&build, &group);
		words_store(&next->groups[g], &group, sizeof(group));
	}
	build_departed(&build);
	index_departed(&build);
	word_store(&next->endpoint_count, build.endpoints);
	word_store(&next->set_count, build.sets);
	word_store(&next->group_count, build.groups);
	word_store(&next->departed_count, build.departed);
	word_store(&next->pool_count, pools);
	if (!draft_commit(draft))
		return false;
	for (size_t i = 0; i < change_count; i++)
		after_publish(next, &changes[i]);
	return true;
}

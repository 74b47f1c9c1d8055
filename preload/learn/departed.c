/* Departed addresses: those that this process was given for a name that has left them since. */
#include "base/address_set.h"
#include "base/clock.h"
#include "base/name.h"
#include "directory/claims.h"
#include "directory/service.h"
#include "learn/build.h"

uint32_t departed_place_of(const struct snapshot *old, struct address address)
{
	int64_t endpoint = snapshot_find(old, address);

	if (endpoint < 0 || old->memberships[old->infos[endpoint].membership % MEMBERSHIPS].count)
		return NO_SLOT;
	return old->infos[endpoint].membership == MEMBERSHIP_TOO_MANY
	               ? DEPARTED
	               : old->infos[endpoint].departed_place;
}

/* Returns a free place in the table, or that of the address that was not asked for the longest. */
static uint32_t take_place(struct build *build)
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
	uint32_t place = take_place(build);

	words_store(&build->next->departed[place], &record, sizeof(record));
	atomic_store_explicit(&departed_used_ms[place], clock_ms(), memory_order_relaxed);
}

uint64_t departed_claim_key(const struct snapshot *snapshot, uint32_t service)
{
	return ~name_hash(&snapshot->service_text[service]);
}

/* Finds the endpoints that a service had and has no more, and that this process was given for it.
 * Connections to those that are in no other pool, and never were in another answer, are redirected
 * to the service's pool. Those in another pool are claimed, because a client that asks for them may
 * mean either. */
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

/* Returns true if a departed address stays one. Not if it was not asked for in a long time, if its
 * name is no more, or if it is in a pool again, its own or another one. */
static bool stays(const struct build *build, uint32_t place, uint64_t now_ms)
{
	const struct departed *record = &build->next->departed[place];

	return record->used && clock_since(departed_used_ms[place], now_ms) < DEPARTED_KEPT_MS &&
	       build_is_same(build, record->service) &&
	       snapshot_find(build->next, record->address) < 0;
}

void departed_build(struct build *build)
{
	uint64_t now_ms = clock_ms();

	build->departed = (uint32_t)build->old->departed_count;
	words_store(build->next->departed, build->old->departed,
	            build->departed * sizeof(struct departed));
	for (uint32_t i = 0; i < build->departed; i++) {
		struct departed record = build->next->departed[i];

		if (stays(build, i, now_ms))
			continue;
		record.used = 0;
		words_store(&build->next->departed[i], &record, sizeof(record));
	}
	for (uint32_t s = 0; s < build->next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (build_is_same(build, s))
				depart_from(build, s, f);
}

/* Returns the membership of all addresses that have departed from a service's pool, made by the
 * first of them. */
static uint32_t membership_of(struct build *build, const struct departed *record)
{
	const struct service_family *known =
		&build->next->services[record->service].family[record->family];
	uint32_t *membership =
		&build->draft->scratch->departed_membership[record->service][record->family];
	struct membership made = {.redirect_to =
	                                  known->state == DIRECTORY_POOL ? known->pool : NO_POOL,
	                          .ports = ports_by(build->next->services[record->service].ports)};

	if (*membership == NO_POOL)
		*membership = build_add_membership(build, &made);
	return *membership;
}

void departed_index(struct build *build)
{
	for (uint32_t s = 0; s < build->next->service_count; s++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			build->draft->scratch->departed_membership[s][f] = NO_POOL;
	for (uint32_t i = 0; i < build->departed; i++) {
		const struct departed *record = &build->next->departed[i];
		struct endpoint_info info = {.departed_place = i};
		uint64_t slot;

		if (!record->used || snapshot_probe(build->next, record->address,
		                                    address_hash(record->address), &slot) >= 0)
			continue;
		info.membership = membership_of(build, record);
		build_index_set(build, slot, build_add_endpoint(build, record->address, info) + 1);
	}
}

#include "directory/route.h"

#include "base/address_set.h"
#include "base/attributes.h"
#include "directory/snapshot.h"

#include "base/poison.h"

_Atomic uint64_t route_sieve[1 << (ROUTE_SIEVE_BITS - 6)];

/* Looks once; *found becomes true if there is a route. Returns false if the snapshot changed
 * meanwhile. */
FAST bool route_try(struct address asked, uint64_t hash, struct route *route, bool *found)
{
	struct reading reading = reading_begin();
	uint64_t slot;
	int64_t endpoint =
		reading.snapshot ? snapshot_probe(reading.snapshot, asked, hash, &slot) : -1;

	if (!reading_held(reading))
		return false;
	*found = endpoint >= 0;
	if (*found)
		*route = (struct route){.sequence = reading.sequence,
		                        .asked = asked,
		                        .hash = hash,
		                        .endpoint = endpoint};
	return true;
}

/* Looks again, where route_try was disturbed. */
static SELDOM bool route_again(struct address asked, struct route *route)
{
	bool found;

	for (int i = 1; i < READ_TRIES; i++)
		if (route_try(asked, address_hash(asked), route, &found))
			return found;
	return false;
}

bool route_find(struct address asked, struct route *route)
{
	bool found;

	if (__builtin_expect(route_try(asked, address_hash(asked), route, &found), 1))
		return found;
	return route_again(asked, route);
}

/* Reads the first pool that the address is in, and the one within which connections to it are sent;
 * the first one again if they are sent nowhere. Returns false as route_service does. */
static SELDOM bool pools_of(const struct route *route, struct pool_record *first,
                            struct pool_record *within)
{
	struct reading reading = reading_begin();
	const struct snapshot *snapshot = reading.snapshot;
	struct membership membership;
	struct endpoint_info info;

	if (!snapshot || reading.sequence != route->sequence)
		return false;
	words_load(&info, &snapshot->infos[route->endpoint], sizeof(info));
	words_load(&membership, &snapshot->memberships[info.membership % MEMBERSHIPS],
	           sizeof(membership));
	if (!membership.count)
		return false;
	snapshot_pool(snapshot, membership.pools[0], first);
	*within = *first;
	if (membership.redirect_to < POOL_RECORDS)
		snapshot_pool(snapshot, membership.redirect_to, within);
	return reading_held(reading);
}

bool route_pool(const struct route *route, uint32_t *service, uint64_t *key)
{
	struct pool_record first, within;

	if (!pools_of(route, &first, &within))
		return false;
	*service = first.service;
	*key = within.key;
	return true;
}

bool route_service(const struct route *route, uint32_t *service)
{
	uint64_t key;

	return route_pool(route, service, &key);
}

SELDOM bool route_other(const struct route *route, uint32_t turn, struct address *other)
{
	struct reading reading = reading_begin();
	struct pool_record first, within;
	int64_t index;

	if (!pools_of(route, &first, &within) || turn >= within.count)
		return false;
	index = address_set_find(&reading.snapshot->addresses[within.first], within.count,
	                         route->asked);
	*other = snapshot_endpoint(reading.snapshot, &within,
	                           (uint32_t)((uint64_t)(index < 0 ? 0 : index) + turn) %
	                                   within.count);
	return reading.sequence == route->sequence && reading_held(reading);
}

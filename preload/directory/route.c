#include "directory/route.h"

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

SELDOM bool route_pool(const struct route *route, uint32_t *service, uint64_t *key)
{
	struct reading reading = reading_begin();
	const struct snapshot *snapshot = reading.snapshot;
	struct membership membership;
	struct endpoint_info info;
	struct pool_record pool;

	if (!snapshot || reading.sequence != route->sequence)
		return false;
	words_load(&info, &snapshot->infos[route->endpoint], sizeof(info));
	words_load(&membership, &snapshot->memberships[info.membership % MEMBERSHIPS],
	           sizeof(membership));
	if (!membership.count)
		return false;
	snapshot_pool(snapshot, membership.pools[0], &pool);
	*service = pool.service;
	if (membership.redirect_to < POOL_RECORDS)
		snapshot_pool(snapshot, membership.redirect_to, &pool);
	*key = pool.key;
	return reading_held(reading);
}

bool route_service(const struct route *route, uint32_t *service)
{
	uint64_t key;

	return route_pool(route, service, &key);
}

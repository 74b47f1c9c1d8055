#include "directory/route.h"

#include "base/attributes.h"
#include "directory/snapshot.h"

_Atomic uint64_t route_sieve[1 << (ROUTE_SIEVE_BITS - 6)];

FAST bool route_try(struct address asked, uint64_t hash, struct route *route, bool *found)
{
	uint64_t sequence, slot;
	const struct snapshot *snapshot = snapshot_read(&sequence);
	int64_t endpoint = snapshot ? snapshot_probe(snapshot, asked, hash, &slot) : -1;

	if (snapshot && !snapshot_valid(sequence))
		return false;
	*found = endpoint >= 0;
	if (*found)
		*route = (struct route){
			.sequence = sequence, .asked = asked, .hash = hash, .endpoint = endpoint};
	return true;
}

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

bool route_service(const struct route *route, uint32_t *service)
{
	uint64_t sequence;
	const struct snapshot *snapshot = snapshot_read(&sequence);
	struct membership membership;
	struct endpoint_info info;
	struct pool_record pool;

	if (!snapshot || sequence != route->sequence)
		return false;
	words_load(&info, &snapshot->infos[route->endpoint], sizeof(info));
	words_load(&membership, &snapshot->memberships[info.membership % MEMBERSHIPS],
	           sizeof(membership));
	if (membership.count) {
		snapshot_pool(snapshot, membership.pools[0], &pool);
		*service = pool.service;
	}
	return membership.count && snapshot_valid(sequence);
}

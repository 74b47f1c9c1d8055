#include "directory/route.h"

#include "directory/snapshot.h"

_Atomic uint64_t route_sieve[1 << (ROUTE_SIEVE_BITS - 6)];

static inline __attribute__((always_inline)) bool route_try(struct address asked, uint64_t hash,
                                                            struct route *route, bool *found)
{
	uint64_t sequence, slot;
	const struct snapshot *in = snapshot_read(&sequence);
	int64_t endpoint = in ? snapshot_probe(in, asked, hash, &slot) : -1;

	if (in && !snapshot_valid(sequence))
		return false;
	*found = endpoint >= 0;
	if (*found)
		*route = (struct route){
			.sequence = sequence, .asked = asked, .hash = hash, .endpoint = endpoint};
	return true;
}

static __attribute__((noinline)) bool route_again(struct address asked, struct route *route)
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
	const struct snapshot *in = snapshot_read(&sequence);
	struct group group;
	struct mark mark;
	struct set set;

	if (!in || sequence != route->sequence)
		return false;
	words_load(&mark, &in->marks[route->endpoint], sizeof(mark));
	words_load(&group, &in->groups[mark.group % GROUPS], sizeof(group));
	if (group.count) {
		snapshot_set(in, group.member[0], &set);
		*service = set.service;
	}
	return group.count && snapshot_valid(sequence);
}

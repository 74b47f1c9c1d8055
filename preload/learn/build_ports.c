/* At which ports connections to the addresses of a snapshot rotate. */
#include "base/config.h"
#include "base/ports.h"
#include "learn/build.h"

/* Returns what is true of all names that have the pools of a membership: what any of them lists,
 * without what any of them excludes. */
static uint64_t ports_of_names(const struct build *build, const struct membership *membership)
{
	struct port_rule rule = {.listed = 0};

	for (uint32_t k = 0; k < membership->count; k++) {
		uint32_t index = membership->pools[k];
		struct pool_record pool = build->next->pool_records[index];

		do
			rule = ports_of_both(rule, build->next->services[pool.service].ports);
		while (snapshot_next_equal(build->next, &index, &pool));
	}
	return ports_by(rule);
}

/* Marks the endpoints that are in this pool alone. */
static void mark_endpoints(struct build *build, uint32_t pool)
{
	struct snapshot *next = build->next;
	const struct pool_record *record = &next->pool_records[pool];

	for (uint32_t e = record->first; e < record->first + record->count; e++) {
		struct endpoint_info info = next->infos[e];

		if (info.membership != MEMBERSHIP_FIRST_POOL + pool)
			continue;
		info.membership |= MEMBERSHIP_SOME_PORTS;
		words_store(&next->infos[e], &info, sizeof(info));
	}
}

void build_ports(struct build *build, uint32_t pools)
{
	if (!config.port_count)
		return;
	for (uint32_t m = MEMBERSHIP_FIRST_POOL; m < build->memberships; m++) {
		struct membership membership = build->next->memberships[m];

		membership.ports = ports_of_names(build, &membership);
		words_store(&build->next->memberships[m], &membership, sizeof(membership));
		if (m - MEMBERSHIP_FIRST_POOL < pools && membership.ports != PORTS_ALL)
			mark_endpoints(build, m - MEMBERSHIP_FIRST_POOL);
	}
}

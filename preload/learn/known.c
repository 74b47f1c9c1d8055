#include "learn/known.h"

#include "base/address_set.h"
#include "base/clock.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/claim.h"

/* Returns true if DNS is believed for a name, and no refresh of it is overdue. */
static bool is_dns_current(const struct listing *listing)
{
	return listing->believed && !service_is_overdue(listing->age_ms, listing->interval_ms);
}

bool known_is_endpoint(uint32_t service, struct address address)
{
	struct reading reading = reading_begin();
	const struct snapshot *snapshot = reading.snapshot;
	int64_t endpoint = snapshot ? snapshot_find(snapshot, address) : -1;
	struct membership membership;
	struct endpoint_info info;

	if (endpoint < 0)
		return false;
	words_load(&info, &snapshot->infos[endpoint], sizeof(info));
	words_load(&membership, &snapshot->memberships[info.membership % MEMBERSHIPS],
	           sizeof(membership));
	for (uint32_t i = 0; i < membership.count && i < MEMBERSHIP_POOLS; i++) {
		uint32_t index = membership.pools[i];
		struct pool_record pool;

		snapshot_pool(snapshot, index, &pool);
		do
			if (pool.service == service)
				return reading_held(reading);
		while (snapshot_next_equal(snapshot, &index, &pool));
	}
	return false;
}

/* Returns true if an answer says nothing of a name that its listing does not have. */
static bool is_known(const struct listing *listing, const struct answer *answer)
{
	bool both = true;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		enum directory_state state = listing->family[f].state;

		if (answer->family[f].outcome == DNS_NOT_ASKED)
			both = false;
		else if ((state != DIRECTORY_POOL || !listing->family[f].fresh) &&
		         (state != DIRECTORY_NONE || answer->family[f].count))
			return false;
	}
	if (both && answer->order != ORDER_UNKNOWN && listing->order == ORDER_UNKNOWN)
		return false;
	return true;
}

/* Returns true if a family of an answer is what is known. A libc that leaves addresses out agrees
 * if DNS has all that it names. */
static bool agrees(const struct listing *listing, const struct answer *answer, enum family family)
{
	const struct address *addresses = answer->family[family].addresses;
	size_t count = answer->family[family].count;

	if (listing->family[family].state != DIRECTORY_POOL ||
	    (count == listing->family[family].count &&
	     address_set_key(addresses, count) == listing->family[family].key))
		return true;
	for (size_t i = 0; answer->may_be_truncated && i < count; i++)
		if (!known_is_endpoint(listing->service, addresses[i]))
			return false;
	return answer->may_be_truncated && listing->family[family].confirmed;
}

/* Notes that libc has said of a family once more what is known. */
static void note_agreed(const struct listing *listing, enum family family)
{
	struct service_state *state = &service_state[listing->service];
	uint64_t now_ms = clock_ms();

	atomic_store_explicit(&name_state[listing->name].libc_ms[family], now_ms,
	                      memory_order_relaxed);
	atomic_store_explicit(&state->checked_ms, now_ms, memory_order_relaxed);
	if (listing->family[family].state == DIRECTORY_POOL)
		atomic_store_explicit(&state->good_ms[family], now_ms, memory_order_relaxed);
}

bool known_agrees(const struct name_text *name, const struct listing *listing,
                  const struct answer *answer)
{
	bool current = is_dns_current(listing), agreed[FAMILY_COUNT];
	unsigned asked = 0;

	if (!is_known(listing, answer))
		return false;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		agreed[f] =
			answer->family[f].outcome != DNS_NOT_ASKED && agrees(listing, answer, f);
		if (answer->family[f].outcome != DNS_NOT_ASKED)
			asked |= FAMILY_BIT(f);
		if (asked & FAMILY_BIT(f) && !agreed[f] &&
		    (!current || !listing->family[f].confirmed || listing->family[f].libc_due))
			return false;
	}
	listing_given(listing, asked);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (agreed[f])
			note_agreed(listing, f);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		for (size_t i = 0; i < answer->family[f].count; i++)
			if (!known_is_endpoint(listing->service, answer->family[f].addresses[i]))
				learn_claim(name_hash(name), answer->family[f].addresses[i]);
	}
	return true;
}

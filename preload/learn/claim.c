#include "learn/claim.h"

#include "base/config.h"
#include "directory/claims.h"
#include "directory/snapshot.h"

void learn_claim(uint64_t key, struct address address)
{
	/* Only addresses that a pool may have are claimed. Public ones are managed only where
	 * LBDNS_NAMES lists names. */
	if (config.listed || address_is_private(address))
		claims_add(address, key);
}

void learn_claim_family(uint64_t key, const struct answer *answer, enum family family)
{
	for (size_t i = 0; i < answer->family[family].count; i++)
		learn_claim(key, answer->family[family].addresses[i]);
}

void learn_claim_endpoints(uint64_t key, const struct draft *draft, uint32_t service)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t count;
		const struct address *endpoints =
			snapshot_endpoints(draft->old, service, f, &count);

		for (size_t i = 0; i < count; i++)
			learn_claim(key, endpoints[i]);
	}
}

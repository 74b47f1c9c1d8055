#include "learn/claim.h"

#include "base/config.h"
#include "directory/claims.h"
#include "directory/snapshot.h"

/* Returns true if a pool may have an address: only such addresses are claimed. Public ones are
 * managed only where LBDNS_NAMES lists names. */
static bool may_be_managed(struct address address)
{
	return config.listed || address_is_private(address);
}

void learn_claim(uint64_t key, struct address address)
{
	if (may_be_managed(address))
		claims_add(address, key);
}

void learn_claim_number(struct address address)
{
	if (may_be_managed(address))
		claims_add_number(address);
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

#include "lookup/lookup.h"

#include "balance/pick.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/answer.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/name.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "learn/from_libc.h"
#include "refresh/thread.h"
#include "shared/mode.h"

/* musl keeps at most 48 addresses (MAXADDRS in its lookup.h), and before 1.2.4, without TCP, about
 * 28: from so many on there may be more. */
enum { MUSL_CUTS_FROM = 25 };

bool lookup_is_fresh(const struct listing *listing)
{
	/* No thread: libc's last answer is all there is. */
	if (thread_is_refused())
		return listing->age_ms <= listing->interval_ms;
	return !service_is_overdue(listing->age_ms, listing->interval_ms);
}

static bool may_be_truncated(const struct answer *answer)
{
	return libc_is_musl() &&
	       answer->count[FAMILY_V4] + answer->count[FAMILY_V6] >= MUSL_CUTS_FROM;
}

unsigned lookup_learn(const struct name_text *name, const struct answer *answer, unsigned families,
                      const char *canonical, bool in_handler)
{
	struct directory_answer learned = {.families = families,
	                                   .order = answer->order,
	                                   .canonical = canonical,
	                                   .may_be_truncated = may_be_truncated(answer)};
	struct listing listing;
	unsigned managed = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		learned.family[f].addresses = answer->addresses[f];
		learned.family[f].count = answer->count[f];
	}
	if (!learn_from_libc(name, &learned) || !listing_find(name, &listing))
		return 0;
	if (in_handler)
		thread_nudge(UINT64_MAX, 0);
	else
		thread_want(true);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (listing.family[f].state == DIRECTORY_POOL && answer->count[f])
			managed |= FAMILY_BIT(f);
	return mode_for(service_name_hash(listing.service)) == MODE_ON ? managed : 0;
}

size_t lookup_first(const struct answer *answer, enum family family, uint16_t port)
{
	size_t count = answer->count[family];

	return pick_show(answer->addresses[family], (uint32_t)count,
	                 address_set_key(answer->addresses[family], count), port);
}

uint64_t lookup_key(const char *node)
{
	uint64_t key = 0;

	for (; *node; node++)
		key = hash_mix(key ^ (unsigned char)*node);
	return key;
}

void lookup_claim(const char *node, const struct addrinfo *list)
{
	uint64_t key = lookup_key(node);

	for (; list; list = list->ai_next) {
		struct address address;
		uint16_t port;

		if (list->ai_addr &&
		    address_from_sockaddr(list->ai_addr, list->ai_addrlen, &address, &port))
			learn_claim(key, address);
	}
}

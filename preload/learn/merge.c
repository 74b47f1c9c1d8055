#include "learn/merge.h"

#include "base/address.h"
#include "base/address_set.h"

#include <string.h>

/* Are all IPv6 addresses of an answer made of its IPv4 addresses, by a NAT64 of the client's
 * network (RFC 6147), whose prefix may be in fc00::/7? Of RFC 6052's forms that of /96, where the
 * last 32 bits are the IPv4 address. */
static bool is_translated(const struct answer *answer)
{
	const struct address *six = answer->family[FAMILY_V6].addresses;
	size_t count = answer->family[FAMILY_V6].count;

	for (size_t i = 0; i < count; i++) {
		unsigned char bytes[16];

		if (six[i].high != six[0].high || six[i].low >> 32 != six[0].low >> 32)
			return false;
		address_to_bytes(six[i], bytes);
		if (address_set_find(answer->family[FAMILY_V4].addresses,
		                     answer->family[FAMILY_V4].count,
		                     address_from_bytes(FAMILY_V4, bytes + 12)) < 0)
			return false;
	}
	return count > 0;
}

static bool may_be_pool(const struct answer *answer, enum family family, bool listed)
{
	enum family judged = family == FAMILY_V6 && is_translated(answer) ? FAMILY_V4 : family;

	if (answer->family[family].count > ANSWER_ADDRESS_LIMIT)
		return false;
	return listed || address_set_is_private(answer->family[judged].addresses,
	                                        answer->family[judged].count);
}

bool merge_begins(const struct answer *answer, bool listed)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].count >= (listed ? 1 : 2) && may_be_pool(answer, f, listed))
			return true;
	return false;
}

static struct merge_after unchanged(const struct merge_before *before)
{
	struct merge_after after = {.fits = true, .believed = true};

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		after.family[f].state = before->family[f].state;
		after.family[f].endpoints = before->family[f].endpoints;
		after.family[f].count = before->family[f].count;
		after.family[f].denials = before->family[f].denials;
		after.family[f].rejected_key = before->family[f].rejected_key;
	}
	return after;
}

/* Returns how many endpoints more than before a family of the answer has. */
static int64_t growth(const struct merge_before *before, const struct answer *answer,
                      enum family family)
{
	size_t had = before->family[family].count, has = answer->family[family].count;

	return has > had ? (int64_t)(has - had) : 0;
}

/* Is there room for a family of DNS's answer, beside what it brings of the other family? */
static bool has_room(const struct merge_before *before, const struct answer *answer,
                     enum family family, const struct merge_after *after)
{
	int64_t more = growth(before, answer, family);

	for (enum family f = 0; more && f < family; f++)
		if (after->family[f].replaced)
			more += (int64_t)after->family[f].count;
	return !more || more <= before->room;
}

static void lose_pool(struct merge_after *after, enum family family, enum directory_state state)
{
	after->family[family].state = state;
	after->family[family].endpoints = NULL;
	after->family[family].count = 0;
}

static void merge_addresses(const struct merge_before *before, const struct answer *answer,
                            enum family family, struct merge_after *after)
{
	const struct address *addresses = answer->family[family].addresses;
	size_t count = answer->family[family].count;
	bool is_dns = answer->source == ANSWER_DNS;

	if (is_dns && count == before->family[family].count &&
	    !memcmp(addresses, before->family[family].endpoints, count * sizeof(*addresses))) {
		after->family[family].refreshed = true;
		after->family[family].denials = 0;
		return;
	}
	/* libc's answer as a whole has room, or it is not merged. */
	if (!may_be_pool(answer, family, before->listed) ||
	    (is_dns && !has_room(before, answer, family, after))) {
		lose_pool(after, family, DIRECTORY_UNKNOWN);
		return;
	}
	after->family[family].state = DIRECTORY_POOL;
	after->family[family].replaced = true;
	after->family[family].endpoints = addresses;
	after->family[family].count = count;
	after->family[family].denials = 0;
}

static void merge_denial(const struct answer *answer, enum family family, struct merge_after *after)
{
	enum directory_state state = after->family[family].state;
	bool is_dns = answer->source == ANSWER_DNS;

	if (state == DIRECTORY_POOL && is_dns) {
		if (++after->family[family].denials >= DENIALS_TO_DROP)
			lose_pool(after, family, DIRECTORY_GONE);
	} else if (state == DIRECTORY_UNKNOWN || (state == DIRECTORY_GONE && !is_dns)) {
		after->family[family].state = DIRECTORY_NONE;
	}
}

/* ---- Does DNS know the name as libc does? */

static bool is_believable(const struct merge_before *before, const struct answer *answer)
{
	bool has_pool = false, has_answer = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (address_set_overlaps(before->family[f].endpoints, before->family[f].count,
		                         answer->family[f].addresses, answer->family[f].count))
			return true;
		has_pool = has_pool || before->family[f].count;
		has_answer = has_answer || answer->family[f].outcome == DNS_ADDRESSES;
	}
	return !has_pool && has_answer;
}

static void reject(const struct answer *answer, struct merge_after *after)
{
	after->believed = false;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		bool is_pool = after->family[f].state == DIRECTORY_POOL;
		bool is_other = is_pool && answer->family[f].outcome == DNS_ADDRESSES;

		if (is_other) {
			uint64_t key = address_set_key(answer->family[f].addresses,
			                               answer->family[f].count);

			if (after->family[f].rejected_key != key)
				after->family[f].denials = 0;
			after->family[f].rejected_key = key;
		}
		if ((is_other || answer_denies(answer, f)) &&
		    ++after->family[f].denials >= DENIALS_TO_DROP && is_pool)
			after->unmanaged = true;
	}
	for (enum family f = 0; after->unmanaged && f < FAMILY_COUNT; f++)
		lose_pool(after, f, DIRECTORY_UNKNOWN);
}

struct merge_after merge(const struct merge_before *before, const struct answer *answer)
{
	struct merge_after after = unchanged(before);
	int64_t more = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		more += growth(before, answer, f);
	if (answer->source == ANSWER_LIBC && more > before->room) {
		after.fits = false;
		return after;
	}
	if (answer->source == ANSWER_DNS && !before->absolute_known &&
	    !is_believable(before, answer)) {
		reject(answer, &after);
		return after;
	}
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (answer->family[f].outcome == DNS_ADDRESSES)
			merge_addresses(before, answer, f, &after);
		else if (answer_denies(answer, f))
			merge_denial(answer, f, &after);
	}
	return after;
}

/* rooms: learn base */
/* What becomes of a name's pools, before and after one answer of libc's or DNS's. */
#include "check.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/answer.h"
#include "learn/merge.h"

#include <string.h>

enum { ROOM = 1000 };

/* 10.0.0.0 …, 11.0.0.0 … (which are public), and fd00::0 … */
static struct address private4[ANSWER_ADDRESS_LIMIT + 1], public4[4], private6[ROOM + 4];

static struct merge_before before;
static struct answer answer;
static struct merge_after after;

static void begin(void)
{
	for (unsigned i = 0; i < ANSWER_ADDRESS_LIMIT + 1; i++)
		private4[i] = address_from_bytes(
			FAMILY_V4,
			(unsigned char[]){10, 0, (unsigned char)(i >> 8), (unsigned char)i});
	for (unsigned i = 0; i < 4; i++)
		public4[i] = address_from_bytes(FAMILY_V4,
		                                (unsigned char[]){11, 0, 0, (unsigned char)i});
	for (unsigned i = 0; i < ROOM + 4; i++)
		private6[i] = address_from_bytes(
			FAMILY_V6, (unsigned char[16]){0xfd, [14] = (unsigned char)(i >> 8),
		                                       (unsigned char)i});
	before = (struct merge_before){.room = ROOM};
	answer = (struct answer){.source = ANSWER_LIBC};
}

static void had(enum family family, const struct address *endpoints, size_t count)
{
	before.family[family].state = DIRECTORY_POOL;
	before.family[family].endpoints = endpoints;
	before.family[family].count = count;
}

static void says(enum answer_source source, enum family family, const struct address *addresses,
                 size_t count)
{
	answer.source = source;
	answer.family[family].outcome = count ? DNS_ADDRESSES : DNS_NO_DATA;
	answer.family[family].addresses = addresses;
	answer.family[family].count = count;
}

static void merged(void)
{
	after = merge(&before, &answer);
}

/* The next answer finds what this one has left. */
static void go_on(void)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		before.family[f].state = after.family[f].state;
		before.family[f].endpoints = after.family[f].endpoints;
		before.family[f].count = after.family[f].count;
		before.family[f].denials = after.family[f].denials;
		before.family[f].rejected_key = after.family[f].rejected_key;
	}
}

static bool is_pool(enum family family, const struct address *endpoints, size_t count)
{
	return after.family[family].state == DIRECTORY_POOL &&
	       after.family[family].endpoints == endpoints && after.family[family].count == count;
}

static bool is_without(enum family family, enum directory_state state)
{
	return after.family[family].state == state && !after.family[family].endpoints &&
	       !after.family[family].count && !after.family[family].replaced;
}

/* ---- libc */

static void begins(void)
{
	says(ANSWER_LIBC, FAMILY_V4, private4, 1);
	CHECK(!merge_begins(&answer, false) && merge_begins(&answer, true));
	says(ANSWER_LIBC, FAMILY_V4, private4, 2);
	CHECK(merge_begins(&answer, false));
	says(ANSWER_LIBC, FAMILY_V4, public4, 2);
	CHECK(!merge_begins(&answer, false) && merge_begins(&answer, true));
	says(ANSWER_LIBC, FAMILY_V6, private6, 2);
	CHECK(merge_begins(&answer, false));
	says(ANSWER_LIBC, FAMILY_V6, private6, 0);
	says(ANSWER_LIBC, FAMILY_V4, private4, ANSWER_ADDRESS_LIMIT);
	CHECK(merge_begins(&answer, false));
	says(ANSWER_LIBC, FAMILY_V4, private4, ANSWER_ADDRESS_LIMIT + 1);
	CHECK(!merge_begins(&answer, true));
	says(ANSWER_LIBC, FAMILY_V4, private4, 0);
	CHECK(!merge_begins(&answer, true));
}

static void libc_replaces(void)
{
	says(ANSWER_LIBC, FAMILY_V4, private4, 3);
	says(ANSWER_LIBC, FAMILY_V6, private6, 0);
	merged();
	CHECK(after.fits && after.believed && !after.unmanaged);
	CHECK(is_pool(FAMILY_V4, private4, 3) && after.family[FAMILY_V4].replaced);
	CHECK(is_without(FAMILY_V6, DIRECTORY_NONE));
	/* the same again is as new, for the client is given it now */
	before.family[FAMILY_V4].denials = 2;
	go_on();
	merged();
	CHECK(is_pool(FAMILY_V4, private4, 3) && after.family[FAMILY_V4].replaced);
	CHECK(!after.family[FAMILY_V4].refreshed && after.family[FAMILY_V4].denials == 0);
	/* down to one, which a managed name may have */
	says(ANSWER_LIBC, FAMILY_V4, private4 + 2, 1);
	merged();
	CHECK(is_pool(FAMILY_V4, private4 + 2, 1));
}

static void libc_keeps(void)
{
	had(FAMILY_V4, private4, 3);
	before.family[FAMILY_V4].denials = 2;
	says(ANSWER_LIBC, FAMILY_V4, NULL, 0);
	merged();
	CHECK(is_pool(FAMILY_V4, private4, 3) && !after.family[FAMILY_V4].replaced);
	CHECK(after.family[FAMILY_V4].denials == 2);
	/* what it was not asked for stays, whatever it was */
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
	answer = (struct answer){.source = ANSWER_LIBC};
	before.family[FAMILY_V6].state = DIRECTORY_GONE;
	merged();
	CHECK(is_pool(FAMILY_V4, private4, 3) && is_without(FAMILY_V6, DIRECTORY_GONE));
}

static void libc_denies(void)
{
	for (enum directory_state state = DIRECTORY_UNKNOWN; state <= DIRECTORY_GONE; state++) {
		if (state == DIRECTORY_POOL)
			continue;
		before.family[FAMILY_V6].state = state;
		says(ANSWER_LIBC, FAMILY_V6, NULL, 0);
		merged();
		CHECK(is_without(FAMILY_V6, DIRECTORY_NONE));
	}
}

static void libc_says_what_is_no_pool(void)
{
	had(FAMILY_V4, private4, 3);
	says(ANSWER_LIBC, FAMILY_V4, public4, 3);
	merged();
	CHECK(is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
	before.listed = true;
	merged();
	CHECK(is_pool(FAMILY_V4, public4, 3));
	before.room = ANSWER_ADDRESS_LIMIT + 1;
	says(ANSWER_LIBC, FAMILY_V4, private4, ANSWER_ADDRESS_LIMIT + 1);
	merged();
	CHECK(is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
}

/* Both families have room, or neither is taken. */
static void libc_needs_room(void)
{
	had(FAMILY_V4, private4, 2);
	says(ANSWER_LIBC, FAMILY_V4, private4, 4);
	says(ANSWER_LIBC, FAMILY_V6, private6, ROOM - 2);
	merged();
	CHECK(after.fits && is_pool(FAMILY_V6, private6, ROOM - 2));
	says(ANSWER_LIBC, FAMILY_V6, private6, ROOM - 1);
	merged();
	CHECK(!after.fits && is_pool(FAMILY_V4, private4, 2));
	CHECK(!after.family[FAMILY_V4].replaced && is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
}

/* ---- DNS, believed */

static void dns_replaces(void)
{
	before.absolute_known = true;
	had(FAMILY_V4, private4, 3);
	before.family[FAMILY_V4].denials = 2;
	says(ANSWER_DNS, FAMILY_V4, private4 + 10, 1);
	merged();
	CHECK(is_pool(FAMILY_V4, private4 + 10, 1) && after.family[FAMILY_V4].replaced);
	CHECK(after.family[FAMILY_V4].denials == 0 && !after.family[FAMILY_V4].refreshed);
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN)); /* not asked */
	go_on();
	before.family[FAMILY_V4].denials = 2;
	merged();
	CHECK(is_pool(FAMILY_V4, private4 + 10, 1) && !after.family[FAMILY_V4].replaced);
	CHECK(after.family[FAMILY_V4].refreshed && after.family[FAMILY_V4].denials == 0);
	says(ANSWER_DNS, FAMILY_V4, public4, 1);
	merged();
	CHECK(is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
	before.listed = true;
	merged();
	CHECK(is_pool(FAMILY_V4, public4, 1));
}

static void dns_failed(void)
{
	before.absolute_known = true;
	had(FAMILY_V4, private4, 3);
	before.family[FAMILY_V4].denials = 2;
	answer.source = ANSWER_DNS;
	answer.family[FAMILY_V4].outcome = answer.family[FAMILY_V6].outcome = DNS_FAILED;
	merged();
	CHECK(after.believed && is_pool(FAMILY_V4, private4, 3));
	CHECK(!after.family[FAMILY_V4].refreshed && after.family[FAMILY_V4].denials == 2);
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
}

static void dns_denies(void)
{
	static const enum dns_outcome outcomes[] = {DNS_NO_DATA, DNS_NO_NAME};

	for (int i = 0; i < 2; i++) {
		begin();
		before.absolute_known = true;
		had(FAMILY_V4, private4, 3);
		answer.source = ANSWER_DNS;
		answer.family[FAMILY_V4].outcome = answer.family[FAMILY_V6].outcome = outcomes[i];
		for (unsigned times = 1; times < DENIALS_TO_DROP; times++) {
			merged();
			CHECK(is_pool(FAMILY_V4, private4, 3) &&
			      after.family[FAMILY_V4].denials == times);
			CHECK(is_without(FAMILY_V6, DIRECTORY_NONE));
			CHECK(after.family[FAMILY_V6].denials == 0);
			go_on();
		}
		merged();
		CHECK(is_without(FAMILY_V4, DIRECTORY_GONE) && !after.unmanaged);
		go_on();
		merged();
		CHECK(is_without(FAMILY_V4, DIRECTORY_GONE));
		says(ANSWER_DNS, FAMILY_V4, private4, 2);
		merged();
		CHECK(is_pool(FAMILY_V4, private4, 2) && after.family[FAMILY_V4].denials == 0);
	}
}

/* A family that has no room is unknown; the other one is taken all the same. */
static void dns_needs_room(void)
{
	before.absolute_known = true;
	says(ANSWER_DNS, FAMILY_V4, private4, 4);
	says(ANSWER_DNS, FAMILY_V6, private6, ROOM - 4);
	merged();
	CHECK(is_pool(FAMILY_V4, private4, 4) && is_pool(FAMILY_V6, private6, ROOM - 4));
	says(ANSWER_DNS, FAMILY_V6, private6, ROOM - 3);
	merged();
	CHECK(after.fits && is_pool(FAMILY_V4, private4, 4));
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
	/* without room a pool may still change, and shrink */
	before.room = -1;
	had(FAMILY_V4, private4 + 10, 4);
	merged();
	CHECK(is_pool(FAMILY_V4, private4, 4));
}

/* ---- DNS, not believed yet */

static void believes(void)
{
	/* one address that libc gave too, in either family */
	had(FAMILY_V4, private4, 3);
	had(FAMILY_V6, private6, 3);
	says(ANSWER_DNS, FAMILY_V4, private4 + 2, 5);
	says(ANSWER_DNS, FAMILY_V6, private6 + 10, 3);
	merged();
	CHECK(after.believed && is_pool(FAMILY_V4, private4 + 2, 5));
	CHECK(is_pool(FAMILY_V6, private6 + 10, 3));
	/* libc never gave any */
	before = (struct merge_before){.room = ROOM};
	merged();
	CHECK(after.believed && is_pool(FAMILY_V4, private4 + 2, 5));
	/* nor does DNS */
	says(ANSWER_DNS, FAMILY_V4, NULL, 0);
	says(ANSWER_DNS, FAMILY_V6, NULL, 0);
	merged();
	CHECK(!after.believed && !after.unmanaged);
}

static void rejects_other(void)
{
	uint64_t first = address_set_key(private4 + 10, 3);

	had(FAMILY_V4, private4, 3);
	says(ANSWER_DNS, FAMILY_V4, private4 + 10, 3);
	says(ANSWER_DNS, FAMILY_V6, private6, 3); /* which libc gave none of */
	merged();
	CHECK(!after.believed && !after.unmanaged && is_pool(FAMILY_V4, private4, 3));
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
	CHECK(!after.family[FAMILY_V6].denials && !after.family[FAMILY_V6].rejected_key);
	CHECK(after.family[FAMILY_V4].denials == 1);
	CHECK(after.family[FAMILY_V4].rejected_key == first);
	go_on();
	merged();
	CHECK(after.family[FAMILY_V4].denials == 2 && !after.unmanaged);
	go_on();
	/* others again: counted anew */
	says(ANSWER_DNS, FAMILY_V4, private4 + 20, 3);
	merged();
	CHECK(after.family[FAMILY_V4].denials == 1 && !after.unmanaged);
	CHECK(after.family[FAMILY_V4].rejected_key != first);
	for (unsigned times = 1; times < DENIALS_TO_DROP; times++) {
		go_on();
		merged();
	}
	CHECK(after.unmanaged && !after.believed && is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
}

static void rejects_none(void)
{
	had(FAMILY_V4, private4, 3);
	before.family[FAMILY_V6].state = DIRECTORY_NONE;
	says(ANSWER_DNS, FAMILY_V4, NULL, 0);
	answer.family[FAMILY_V6].outcome = DNS_FAILED;
	for (unsigned times = 1; times < DENIALS_TO_DROP; times++) {
		merged();
		CHECK(!after.believed && !after.unmanaged && is_pool(FAMILY_V4, private4, 3));
		CHECK(after.family[FAMILY_V4].denials == times);
		CHECK(after.family[FAMILY_V6].state == DIRECTORY_NONE);
		CHECK(after.family[FAMILY_V6].denials == 0);
		go_on();
	}
	merged();
	CHECK(after.unmanaged && is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
	CHECK(is_without(FAMILY_V6, DIRECTORY_UNKNOWN));
}

/* Nothing of a family without a pool makes a name unmanaged. */
static void rejects_without_pool(void)
{
	says(ANSWER_DNS, FAMILY_V4, NULL, 0);
	for (unsigned times = 0; times < 2 * DENIALS_TO_DROP; times++) {
		merged();
		CHECK(!after.believed && !after.unmanaged);
		go_on();
	}
	CHECK(after.family[FAMILY_V4].denials == 2 * DENIALS_TO_DROP);
	CHECK(is_without(FAMILY_V4, DIRECTORY_UNKNOWN));
}

int main(void)
{
#define RUN(test) ok = check_run(#test, begin, test) && ok
	bool ok = true;

	RUN(begins);
	RUN(libc_replaces);
	RUN(libc_keeps);
	RUN(libc_denies);
	RUN(libc_says_what_is_no_pool);
	RUN(libc_needs_room);
	RUN(dns_replaces);
	RUN(dns_failed);
	RUN(dns_denies);
	RUN(dns_needs_room);
	RUN(believes);
	RUN(rejects_other);
	RUN(rejects_none);
	RUN(rejects_without_pool);
	return !ok;
}

/* For the unit programs that drive the directory: names learnt from libc and refreshed by DNS in
 * one call. */
#ifndef LBDNS_TEST_DIRECTORY_H
#define LBDNS_TEST_DIRECTORY_H

#include "check.h"
#include "balance/pick.h"
#include "balance/pick_fast.h"
#include "balance/rotation.h"
#include "balance/trial.h"
#include "base/address.h"
#include "base/answer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "directory/listing.h"
#include "directory/route.h"
#include "directory/service.h"
#include "dns/resolver.h"
#include "learn/claim.h"
#include "learn/from_dns.h"
#include "learn/from_libc.h"
#include "shared/segment.h"

#include <stdlib.h>
#include <string.h>

enum { PORT = 8081, BOTH = FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6), MOST = 16384 };

/* Addresses of one family, sorted, each once. */
struct addresses {
	size_t count;
	struct address at[MOST];
};

static inline struct address v4(unsigned number)
{
	unsigned char bytes[] = {10, (unsigned char)(number >> 16), (unsigned char)(number >> 8),
	                         (unsigned char)number};

	return address_from_bytes(FAMILY_V4, bytes);
}

static inline struct address v6(unsigned number)
{
	unsigned char bytes[16] = {0xfd, [13] = (unsigned char)(number >> 16),
	                           (unsigned char)(number >> 8), (unsigned char)number};

	return address_from_bytes(FAMILY_V6, bytes);
}

/* from, from + 1, … */
static inline void addresses_range(struct addresses *into, struct address (*make)(unsigned),
                                   unsigned from, size_t count)
{
	into->count = count;
	for (size_t i = 0; i < count; i++)
		into->at[i] = make(from + (unsigned)i);
}

static inline struct name_text name_of(const char *text)
{
	struct name_text name;

	CHECK(name_normalize(text, &name));
	return name;
}

/* libc's answer for a name, asked for both families. */
static inline bool learn(const char *text, const struct addresses *four,
                         const struct addresses *six)
{
	struct name_text name = name_of(text);
	struct answer answer = {.source = ANSWER_LIBC};

	answer.family[FAMILY_V4].outcome = four ? DNS_ADDRESSES : DNS_NO_DATA;
	answer.family[FAMILY_V6].outcome = six ? DNS_ADDRESSES : DNS_NO_DATA;

	if (four) {
		answer.family[FAMILY_V4].addresses = four->at;
		answer.family[FAMILY_V4].count = four->count;
	}
	if (six) {
		answer.family[FAMILY_V6].addresses = six->at;
		answer.family[FAMILY_V6].count = six->count;
	}
	if (four && six)
		answer.order = ORDER_V6_FIRST;
	return learn_from_libc(&name, &answer);
}

static inline bool learn_v4(const char *text, unsigned from, size_t count)
{
	static _Thread_local struct addresses four;

	addresses_range(&four, v4, from, count);
	return learn(text, &four, NULL);
}

static inline bool find(const char *text, struct listing *listing)
{
	struct name_text name = name_of(text);

	return listing_find(&name, listing);
}

/* The client was given what a name has now. */
static inline void hand(const char *text)
{
	struct listing listing;

	CHECK(find(text, &listing));
	listing_given(&listing, BOTH);
}

/* DNS's answer for a name, in its absolute form: addresses; NULL for DNS_NO_NAME. */
static inline void refresh(const char *text, const char *absolute, const struct addresses *four)
{
	struct answer answer = {.source = ANSWER_DNS, .absolute = ""};
	struct listing listing;
	struct due due = {.name = name_of(text), .families = BOTH};
	int tries = 0;

	/* A reader gives up where it is overtaken READ_TRIES times. */
	while (!find(text, &listing) && ++tries < 1000)
		;
	if (tries == 1000) {
		fprintf(stderr, "%s is not managed\n", text);
		CHECK(false);
		return;
	}
	due.service = listing.service;
	due.generation = atomic_load(&service_state[listing.service].generation);
	answer.family[FAMILY_V4].outcome = answer.family[FAMILY_V6].outcome = DNS_NO_NAME;
	if (four) {
		answer.absolute = absolute;
		answer.family[FAMILY_V4].outcome = DNS_ADDRESSES;
		answer.family[FAMILY_V4].addresses = four->at;
		answer.family[FAMILY_V4].count = four->count;
		answer.family[FAMILY_V4].ttl_s = 1;
		answer.family[FAMILY_V6].outcome = DNS_NO_DATA;
	}
	while (!learn_from_dns(&due, &answer))
		;
}

static inline void refresh_v4(const char *text, const char *absolute, unsigned from, size_t count)
{
	static _Thread_local struct addresses four;

	addresses_range(&four, v4, from, count);
	refresh(text, absolute, &four);
}

/* Where a connection to an address goes, by its port; PEER_DATAGRAM may be in it. */
static inline struct pick connect_at(struct address asked, uint32_t port)
{
	const struct peer peer = {asked, port};
	struct pick picked = {.kind = PICK_LEAVE, .target = peer};
	struct route_fast fast;
	struct route route;

	if (!route_fast(asked, port, &fast) || !pick_fast(&fast, peer, &picked)) {
		picked.kind = PICK_LEAVE;
		if (route_find(asked, &route))
			picked = pick_endpoint(&route, peer, TRIAL_CALLER);
	}
	if (picked.kind != PICK_OTHER)
		picked.target = peer;
	return picked;
}

static inline struct pick connect_to(struct address asked)
{
	return connect_at(asked, PORT);
}

/* With a setting, NAME=VALUE, or NULL. */
static inline void settings_with(char *setting)
{
	config_load((char *[]){setting, NULL});
	config.shared = false;
	config.refresh_ms = config.idle_ms = config.max_stale_ms = 60 * 60 * 1000;
}

static inline void settings_for_tests(void)
{
	settings_with(NULL);
}

#endif

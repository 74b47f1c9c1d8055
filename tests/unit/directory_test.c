/* rooms: refresh learn balance directory shared dns base */
/* The directory by itself, one thread: what it learns, where connections may go, and its bounds.
 * Each test has a process, and with it a directory, of its own. */
#include "learned.h"
#include "balance/pick.h"
#include "balance/rotation.h"
#include "base/address.h"
#include "base/answer.h"
#include "base/clock.h"
#include "base/config.h"
#include "directory/listing.h"
#include "directory/route.h"
#include "directory/service.h"
#include "dns/resolver.h"
#include "learn/from_dns.h"
#include "learn/from_libc.h"
#include "learn/listed.h"
#include "refresh/due.h"

#include <sys/wait.h>
#include <unistd.h>

static struct addresses some;

/* N connections to an address reach only from … from + count - 1, each the same number of times. */
static void check_rotates(struct address asked, struct address (*make)(unsigned), unsigned from,
                          unsigned count)
{
	enum { TURNS = 5 };

	for (unsigned turn = 0; turn < TURNS; turn++) {
		bool met[1024] = {false};

		for (unsigned i = 0; i < count; i++) {
			struct pick picked = connect_to(asked);
			unsigned which = 0;

			CHECK(picked.kind != PICK_LEAVE);
			while (which < count &&
			       !address_equal(make(from + which), picked.target.address))
				which++;
			CHECK(which < count && !met[which]);
			if (which < count)
				met[which] = true;
		}
	}
}

/* Connections to an address go to any of these, in whatever order: it is in several pools, each of
 * which may have the turn that takes it where it asks to go. */
static void check_within(struct address asked, struct address (*make)(unsigned), unsigned from,
                         unsigned count)
{
	for (unsigned i = 0; i < 5 * count; i++) {
		struct pick picked = connect_to(asked);
		unsigned which = 0;

		while (which < count && !address_equal(make(from + which), picked.target.address))
			which++;
		CHECK(picked.kind != PICK_LEAVE && which < count);
	}
}

/* Connections to an address are not touched, whosever turn it is. */
static void check_stays(struct address asked)
{
	for (int i = 0; i < 50; i++)
		CHECK(connect_to(asked).kind != PICK_OTHER);
}

static void check_unknown(struct address asked)
{
	struct route route;

	CHECK(!route_find(asked, &route));
}

static void empty(void)
{
	struct listing listing;

	CHECK(directory_is_empty());
	CHECK(!find("rng", &listing));
	check_unknown(v4(1));
}

static void learns(void)
{
	struct listing listing;
	struct address endpoints[3];

	CHECK(learn_v4("rng", 1, 3));
	CHECK(!directory_is_empty());
	CHECK(find("rng", &listing));
	CHECK(find("RNG", &listing));
	CHECK(!find("rng.", &listing));
	CHECK(listing.family[FAMILY_V4].state == DIRECTORY_POOL);
	CHECK(listing.family[FAMILY_V4].count == 3);
	CHECK(listing.family[FAMILY_V6].state == DIRECTORY_NONE);
	CHECK(listing_copy(&listing, FAMILY_V4, endpoints));
	for (unsigned i = 0; i < 3; i++)
		CHECK(address_equal(endpoints[i], v4(1 + i)));
	check_rotates(v4(2), v4, 1, 3);
	check_unknown(v4(4));
}

static void learns_both_families(void)
{
	static struct addresses six;
	struct listing listing;

	addresses_range(&some, v4, 1, 3);
	addresses_range(&six, v6, 1, 5);
	CHECK(learn("rng", &some, &six));
	CHECK(find("rng", &listing));
	CHECK(listing.order == ORDER_V6_FIRST);
	check_rotates(v4(1), v4, 1, 3);
	check_rotates(v6(2), v6, 1, 5);
}

static void leaves_alone(void)
{
	static const unsigned char public[] = {192, 0, 2, 1};

	CHECK(!learn_v4("one", 1, 1));
	CHECK(!learn_v4("localhost", 10, 3));
	CHECK(!learn_v4("a.localhost", 10, 3));
	addresses_range(&some, v4, 20, 3);
	some.at[2] = address_from_bytes(FAMILY_V4, public);
	CHECK(!learn("partly-public", &some, NULL));
	CHECK(directory_is_empty());
	/* and each of them is claimed, though its pool comes later */
	CHECK(learn_v4("all", 1, 30));
	check_stays(v4(1));
	check_stays(v4(11));
	check_stays(v4(21));
	check_rotates(v4(5), v4, 1, 30);
}

static void claimed_first(void)
{
	CHECK(!learn_v4("rng-0.rng", 2, 1));
	CHECK(learn_v4("rng", 1, 3));
	check_stays(v4(2));
	check_rotates(v4(1), v4, 1, 3);
}

static void claimed_later(void)
{
	CHECK(learn_v4("rng", 1, 3));
	check_rotates(v4(2), v4, 1, 3);
	CHECK(!learn_v4("rng-1.rng", 2, 1));
	check_stays(v4(2));
	check_rotates(v4(1), v4, 1, 3);
	learn_claim(7, v4(3));
	check_stays(v4(3));
}

/* A client with a resolver of its own passes what it found through getaddrinfo. */
static void claimed_as_numbers(void)
{
	config_load((char *[]){"LBDNS_NAMES=rng,db", NULL});
	config.shared = false;
	learn_claim_number(v4(2));
	CHECK(listed_add());
	refresh_v4("rng", "rng.default", 1, 3);
	check_rotates(v4(2), v4, 1, 3);
	learn_claim_number(v4(3));
	check_rotates(v4(3), v4, 1, 3);
	learn_claim(7, v4(1));
	check_stays(v4(1));
	/* It looks names up through libc too: a number may be meant as one. */
	CHECK(learn_v4("db", 10, 2));
	check_stays(v4(2));
	check_stays(v4(3));
	refresh_v4("rng", "rng.default", 1, 4);
	check_rotates(v4(4), v4, 1, 4);
}

static void gives_up_its_claims(void)
{
	CHECK(!learn_v4("rng", 1, 1));
	CHECK(learn_v4("rng", 1, 3));
	check_rotates(v4(1), v4, 1, 3);
}

/* What libc says and DNS does not know yet. */
static void claims_what_dns_lacks(void)
{
	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 3);
	CHECK(learn_v4("rng", 1, 4));
	check_rotates(v4(1), v4, 1, 3);
	CHECK(learn_v4("other", 4, 3));
	check_stays(v4(4));
	refresh_v4("rng", "rng.default", 1, 4);
	check_rotates(v4(1), v4, 1, 4);
}

static void takes_the_turn(void)
{
	struct listing listing;
	uint64_t turn;
	uint32_t next;

	CHECK(learn_v4("rng", 1, 7));
	CHECK(find("rng", &listing));
	for (int i = 0; i < 100; i++) {
		next = rotation_peek(listing.family[FAMILY_V4].key, PORT, 7, &turn);
		CHECK(connect_to(v4(1 + next)).kind == PICK_ASKED);
		CHECK(rotation_peek(listing.family[FAMILY_V4].key, PORT, 7, &turn) ==
		      (next + 1) % 7);
	}
}

static void overlap(void)
{
	CHECK(learn_v4("all", 1, 10));
	CHECK(learn_v4("part", 7, 8));
	check_rotates(v4(1), v4, 1, 10);
	check_rotates(v4(14), v4, 7, 8);
	for (int i = 0; i < 200; i++) {
		struct address target = connect_to(v4(8)).target.address;

		CHECK(address_compare(target, v4(7)) >= 0 && address_compare(target, v4(10)) <= 0);
	}
	CHECK(learn_v4("primary", 8, 1) == false);
	check_stays(v4(8));
}

/* Of the primary's only address nothing else is in both. */
static void overlap_of_one(void)
{
	CHECK(learn_v4("all", 1, 3));
	CHECK(learn_v4("primary", 3, 2));
	refresh_v4("primary", "primary.default", 3, 1);
	check_stays(v4(3));
	check_rotates(v4(1), v4, 1, 3);
}

static void overlap_of_many(void)
{
	char name[] = "service-a";

	for (unsigned i = 0; i < MEMBERSHIP_POOLS + 2; i++, name[8]++)
		CHECK(learn_v4(name, 1 + i, 20));
	check_rotates(v4(1), v4, 1, 20);
	check_stays(v4(15));
	/* in exactly eight */
	for (int i = 0; i < 200; i++) {
		struct address target = connect_to(v4(8)).target.address;

		CHECK(address_compare(target, v4(8)) >= 0 && address_compare(target, v4(20)) <= 0);
	}
}

static const char *numbered(char name[32], const char *prefix, unsigned number)
{
	snprintf(name, 32, "%s-%u", prefix, number);
	return name;
}

enum { EQUALS = 12 }; /* more than MEMBERSHIP_POOLS */

static void learn_equals(void)
{
	char name[32];

	for (unsigned i = 0; i < EQUALS; i++)
		CHECK(learn_v4(numbered(name, "equal", i), 1, 3));
}

static void refresh_equal(unsigned number, unsigned from, size_t count)
{
	char name[32], absolute[32];

	refresh_v4(numbered(name, "equal", number), numbered(absolute, "absolute", number), from,
	           count);
}

/* Names with the same endpoints are one pool, however many they are, and whether or not DNS has
 * told their absolute names. */
static void equal_pools(void)
{
	learn_equals();
	check_rotates(v4(1), v4, 1, 3);
	check_rotates(v4(3), v4, 1, 3);
	for (unsigned i = 0; i < EQUALS; i++)
		refresh_equal(i, 1, 3);
	check_rotates(v4(2), v4, 1, 3);
	/* with another pool beside them: what both have */
	CHECK(learn_v4("other", 2, 5));
	for (int i = 0; i < 50; i++) {
		struct address target = connect_to(v4(3)).target.address;

		CHECK(address_compare(target, v4(2)) >= 0 && address_compare(target, v4(3)) <= 0);
	}
	check_rotates(v4(1), v4, 1, 3);
	check_rotates(v4(6), v4, 2, 5);
}

/* One name after another gets a pod more, and then loses one: never are there more than two pools.
 */
static void equal_pools_change(void)
{
	learn_equals();
	for (unsigned i = 0; i < EQUALS; i++) {
		refresh_equal(i, 1, 4);
		if (i < EQUALS - 1)
			check_within(v4(2), v4, 1, 3);
		else
			check_rotates(v4(2), v4, 1, 4);
		check_rotates(v4(4), v4, 1, 4);
	}
	for (unsigned i = EQUALS; i-- > 0;) {
		refresh_equal(i, 2, 3);
		if (i)
			check_within(v4(3), v4, 2, 3);
		else
			check_rotates(v4(3), v4, 2, 3);
	}
	/* It was in the answers of several names. */
	check_stays(v4(1));
}

/* A connection uses the pools of all of the names, and waits for the last of them to be fresh. */
static void equal_pools_in_use(void)
{
	const uint64_t long_ago_ms = clock_ms() - 10 * 60 * 1000;
	struct listing listing[EQUALS];
	char name[32];

	learn_equals();
	for (unsigned i = 0; i < EQUALS; i++)
		CHECK(find(numbered(name, "equal", i), &listing[i]));
	for (unsigned i = 0; i < EQUALS; i++)
		atomic_store(&service_state[listing[i].service].used_ms, long_ago_ms);
	check_rotates(v4(1), v4, 1, 3);
	for (unsigned i = 0; i < EQUALS; i++)
		CHECK(atomic_load(&service_state[listing[i].service].used_ms) > long_ago_ms);
	for (unsigned i = 0; i < EQUALS; i++) {
		struct service_state *state = &service_state[listing[i].service];
		uint64_t good_ms = atomic_load(&state->good_ms[FAMILY_V4]);

		config.max_stale_ms = 60 * 1000;
		atomic_store(&state->good_ms[FAMILY_V4], long_ago_ms);
		/* The fast path looks again once a second. */
		atomic_store(&service_state[listing[0].service].fast_until_ms[FAMILY_V4], 0);
		check_stays(v4(1));
		atomic_store(&state->good_ms[FAMILY_V4], good_ms);
		check_rotates(v4(1), v4, 1, 3);
	}
}

/* libc's answer has an address that DNS has not: claimed. Those that it has are not, whichever of
 * the names asks. */
static void equal_pools_known(void)
{
	char name[32];

	learn_equals();
	for (unsigned i = 0; i < EQUALS; i++)
		refresh_equal(i, 1, 3);
	for (unsigned i = 0; i < EQUALS; i++)
		CHECK(learn_v4(numbered(name, "equal", i), 1, 3));
	check_rotates(v4(1), v4, 1, 3);
}

static void departs(void)
{
	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 2);
	check_rotates(v4(3), v4, 1, 2);
	/* one that the client was never handed */
	refresh_v4("rng", "rng.default", 1, 5);
	refresh_v4("rng", "rng.default", 1, 2);
	check_unknown(v4(5));
	/* handed, though only by a snapshot */
	refresh_v4("rng", "rng.default", 1, 6);
	hand("rng");
	refresh_v4("rng", "rng.default", 1, 2);
	check_rotates(v4(6), v4, 1, 2);
}

/* One that began before a refresh ends after one that began behind it. */
static void a_slow_lookup_takes_nothing_back(void)
{
	struct listing slow;

	CHECK(learn_v4("rng", 1, 3));
	CHECK(find("rng", &slow));
	refresh_v4("rng", "rng.default", 1, 6);
	hand("rng");
	listing_given(&slow, BOTH);
	refresh_v4("rng", "rng.default", 1, 2);
	check_rotates(v4(6), v4, 1, 2);
}

/* gethostbyname, and hints that only libc answers: DNS had said so before libc did. */
static void departs_though_libc_handed_it(void)
{
	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 6);
	CHECK(learn_v4("rng", 1, 6));
	refresh_v4("rng", "rng.default", 1, 2);
	check_rotates(v4(6), v4, 1, 2);
}

static void departed_is_another_ones_now(void)
{
	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 2);
	CHECK(!learn_v4("db", 3, 1));
	check_stays(v4(3));
	CHECK(learn_v4("db", 3, 2));
	check_rotates(v4(3), v4, 3, 2);
	/* and gone from both: no one knows whose clients still ask for it */
	refresh_v4("db", "db.default", 4, 1);
	check_stays(v4(3));
}

static void shared_does_not_depart(void)
{
	CHECK(learn_v4("rng", 1, 3));
	CHECK(learn_v4("db", 3, 3));
	refresh_v4("rng", "rng.default", 1, 3);
	refresh_v4("db", "db.default", 3, 3);
	refresh_v4("rng", "rng.default", 1, 2);
	/* Who was given it for rng may still ask for it, and 4 and 5 never were rng's. */
	check_stays(v4(3));
	check_rotates(v4(4), v4, 3, 3);
	refresh_v4("db", "db.default", 4, 2);
	check_stays(v4(3));
	refresh_v4("rng", "rng.default", 1, 3);
	check_rotates(v4(3), v4, 1, 3);
}

static void departs_again(void)
{
	CHECK(learn_v4("rng", 1, 3));
	for (int i = 0; i < 3; i++) {
		refresh_v4("rng", "rng.default", 1, 3);
		check_rotates(v4(3), v4, 1, 3);
		refresh_v4("rng", "rng.default", 1, 2);
		check_rotates(v4(3), v4, 1, 2);
	}
	/* In another pool meanwhile: no one knows whose clients still ask for it. */
	refresh_v4("rng", "rng.default", 1, 3);
	CHECK(learn_v4("db", 3, 2));
	refresh_v4("db", "db.default", 3, 2);
	refresh_v4("rng", "rng.default", 1, 2);
	refresh_v4("db", "db.default", 4, 1);
	check_stays(v4(3));
}

/* As if it had last been asked for an hour ago. */
static void departed_for_an_hour(void)
{
	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 2);
	check_rotates(v4(3), v4, 1, 2);
	for (size_t i = 0; i < DEPARTED; i++)
		atomic_store(&departed_used_ms[i], clock_ms() - DEPARTED_KEPT_MS - 1);
	check_stays(v4(3));
}

static void merges_aliases(void)
{
	struct listing one, other;

	CHECK(learn_v4("rng", 1, 3));
	CHECK(learn_v4("rng.default", 1, 3));
	refresh_v4("rng", "rng.default.svc", 1, 3);
	refresh_v4("rng.default", "rng.default.svc", 1, 4);
	CHECK(find("rng", &one) && find("rng.default", &other));
	CHECK(one.service == other.service);
	CHECK(one.family[FAMILY_V4].count == 4);
	check_rotates(v4(1), v4, 1, 4);
	refresh_v4("rng", "rng.default.svc", 2, 3);
	check_rotates(v4(1), v4, 2, 3);
}

static void disowns(void)
{
	struct listing listing;

	CHECK(learn_v4("hosts-file", 1, 3));
	check_rotates(v4(1), v4, 1, 3);
	for (int i = 0; i < 3; i++)
		refresh("hosts-file", "", NULL);
	CHECK(!find("hosts-file", &listing));
	check_unknown(v4(1));
	CHECK(!learn_v4("hosts-file", 1, 3));
	CHECK(learn_v4("all", 1, 9));
	check_stays(v4(2));
	check_rotates(v4(4), v4, 1, 9);
}

static void disowns_other_addresses(void)
{
	struct listing listing;

	CHECK(learn_v4("hosts-file", 1, 3));
	for (int i = 0; i < 3; i++) {
		CHECK(find("hosts-file", &listing));
		refresh_v4("hosts-file", "hosts-file.default", 10, 3);
	}
	CHECK(!find("hosts-file", &listing));
	check_unknown(v4(10));
}

static void believes_subsets(void)
{
	struct listing listing;

	CHECK(learn_v4("many", 1, 3));
	for (unsigned i = 1; i < 10; i++)
		refresh_v4("many", "many.default", 1 + 3 * i, 3);
	CHECK(find("many", &listing) && !listing.believed);
	check_rotates(v4(1), v4, 1, 3);
	refresh_v4("many", "many.default", 3, 3);
	CHECK(find("many", &listing) && listing.believed);
	check_rotates(v4(4), v4, 3, 3);
}

static void gone_and_back(void)
{
	struct listing listing;

	CHECK(learn_v4("rng", 1, 3));
	refresh_v4("rng", "rng.default", 1, 3);
	for (int i = 0; i < 2; i++)
		refresh("rng", "", NULL);
	check_rotates(v4(1), v4, 1, 3);
	refresh("rng", "", NULL);
	CHECK(find("rng", &listing) && listing.family[FAMILY_V4].state == DIRECTORY_GONE);
	check_stays(v4(1));
	refresh_v4("rng", "rng.default", 5, 2);
	check_rotates(v4(1), v4, 5, 2);
	check_rotates(v4(5), v4, 5, 2);
}

static void stale(void)
{
	CHECK(learn_v4("rng", 1, 3));
	config.max_stale_ms = 20;
	usleep(100 * 1000);
	check_stays(v4(1));
	refresh_v4("rng", "rng.default", 1, 3);
	config.max_stale_ms = 60 * 60 * 1000;
	check_rotates(v4(1), v4, 1, 3);
}

static void due(void)
{
	uint64_t next_ms = UINT64_MAX, now_ms = clock_ms();
	struct due what;
	uint32_t at = 0;

	CHECK(learn_v4("rng", 1, 3));
	config.idle_ms *= 3;
	CHECK(!due_next(&at, now_ms + config.refresh_ms + 100, &next_ms, &what));
	CHECK(next_ms == UINT64_MAX); /* nobody has connected */
	at = 0;
	connect_to(v4(1));
	CHECK(!due_next(&at, now_ms, &next_ms, &what));
	CHECK(next_ms >= now_ms + config.refresh_ms * 4 / 5 - 10);
	CHECK(next_ms <= clock_ms() + config.refresh_ms);
	at = 0;
	CHECK(due_next(&at, now_ms + config.refresh_ms + 100, &next_ms, &what));
	CHECK(!strcmp(what.name.text, "rng") && !what.absolute &&
	      what.families & FAMILY_BIT(FAMILY_V4));
	refresh_v4("rng", "rng.default", 1, 3);
	at = 0;
	CHECK(due_next(&at, clock_ms() + config.refresh_ms + 100, &next_ms, &what));
	CHECK(!strcmp(what.name.text, "rng.default") && what.absolute);
	at = 0;
	CHECK(!due_next(&at, clock_ms() + config.idle_ms + 100, &next_ms, &what)); /* idle */
}

static uint64_t asked_again_after(struct due *what)
{
	uint64_t next_ms = UINT64_MAX, now_ms = clock_ms();
	uint32_t at = 0;

	due_asked(what, now_ms);
	CHECK(!due_next(&at, now_ms, &next_ms, what));
	return next_ms - now_ms;
}

static void due_unanswered(void)
{
	uint64_t next_ms = UINT64_MAX, after_ms;
	struct due what;
	uint32_t at = 0;

	CHECK(learn_v4("rng", 1, 3));
	connect_to(v4(1));
	config.idle_ms *= 3; /* what is looked at is refresh_ms ahead, and the name not idle by then */
	CHECK(due_next(&at, clock_ms() + config.refresh_ms, &next_ms, &what));
	after_ms = asked_again_after(&what); /* it may have been lost */
	CHECK(after_ms >= 1600 && after_ms <= 2000);
	after_ms = asked_again_after(&what); /* DNS is silent: not more often than usual */
	CHECK(after_ms >= config.refresh_ms * 4 / 5 && after_ms <= config.refresh_ms);
	refresh_v4("rng", "rng.default", 1, 3);
	after_ms = asked_again_after(&what);
	CHECK(after_ms >= 1600 && after_ms <= 2000);
	config.refresh_ms = 500;
	refresh_v4("rng", "rng.default", 2, 3);
	after_ms = asked_again_after(&what);
	CHECK(after_ms >= 400 && after_ms <= 500);
}

/* ---- Bounds */

static void services_bound(void)
{
	struct listing listing;
	char name[32];

	for (unsigned i = 0; i < 300; i++)
		CHECK(learn_v4(numbered(name, "service", i), 1 + 3 * i, 3) == (i < SERVICES));
	for (unsigned i = 0; i < 300; i++) {
		CHECK(find(numbered(name, "service", i), &listing) == (i < SERVICES));
		if (i < SERVICES)
			check_rotates(v4(1 + 3 * i), v4, 1 + 3 * i, 3);
		else
			check_stays(v4(1 + 3 * i));
	}
	/* what found no room is claimed, should it ever be in a pool */
	refresh_v4("service-0", "service-0.default", 1, 3);
	refresh_v4("service-0", "service-0.default", 1 + 3 * 280, 3);
	check_stays(v4(2 + 3 * 280));
}

static void names_bound(void)
{
	struct listing listing;
	unsigned managed = 0;
	char name[32];

	for (unsigned i = 0; i < 2000; i++) {
		if (!learn_v4(numbered(name, "alias", i), 1, 3))
			continue;
		managed++;
		refresh_v4(name, "rng.default", 1, 3);
	}
	CHECK(managed == NAMES);
	CHECK(find("alias-0", &listing) && find("alias-1000", &listing) &&
	      !find("alias-1999", &listing));
}

static void endpoints_bound(void)
{
	char name[32];
	unsigned managed = 0;

	for (unsigned i = 0; i < 33; i++)
		managed += learn_v4(numbered(name, "service", i), 1 + 1000 * i, 1000);
	CHECK(managed == 32);
	check_rotates(v4(31001), v4, 31001, 1000);
	check_stays(v4(32001));
	for (unsigned i = 0; i < 33; i++)
		check_stays(v4(33001 + i));
	CHECK(!learn_v4("too-large", 1, MOST));
}

/* All the endpoints there is room for, all of them in two pools, and all of them departed. */
static void endpoints_all_shared(void)
{
	CHECK(learn_v4("one", 1, MOST - 1000));
	CHECK(learn_v4("two", 1001, MOST - 1000));
	CHECK(!learn_v4("three", 1, MOST));
	check_stays(v4(MOST - 10));
	refresh_v4("one", "one.default", 1, 1);
	refresh_v4("two", "two.default", 1001, 1);
	check_stays(v4(5000));
	check_stays(v4(1));
}

static void families_bound(void)
{
	static struct addresses six;
	struct answer answer = {.source = ANSWER_DNS, .absolute = "rng.default"};
	struct listing listing;
	struct due what;

	addresses_range(&some, v4, 1, MOST);
	CHECK(learn("big", &some, NULL));
	CHECK(learn_v4("rng", 100001, 3));
	CHECK(find("rng", &listing));
	addresses_range(&some, v4, 100001, MOST - 100);
	addresses_range(&six, v6, 1, MOST - 100);
	what = (struct due){.service = listing.service,
	                    .generation = atomic_load(&service_state[listing.service].generation)};
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		answer.family[f].outcome = DNS_ADDRESSES;
	answer.family[FAMILY_V4].addresses = some.at;
	answer.family[FAMILY_V6].addresses = six.at;
	answer.family[FAMILY_V4].count = answer.family[FAMILY_V6].count = MOST - 100;
	CHECK(learn_from_dns(&what, &answer));
	CHECK(find("rng", &listing) && listing.family[FAMILY_V4].count == MOST - 100);
	CHECK(listing.family[FAMILY_V6].state == DIRECTORY_UNKNOWN);
	check_stays(v6(1));
	CHECK(find("big", &listing) && listing.family[FAMILY_V4].count == MOST);
}

/* An idle name makes room. What its clients may still ask for goes to nobody else. */
static void evicts_idle(void)
{
	struct listing listing;
	char name[32];

	CHECK(learn_v4("old", 100001, 4));
	refresh_v4("old", "old.default", 100001, 3); /* one has departed */
	for (unsigned i = 1; i < SERVICES; i++)
		CHECK(learn_v4(numbered(name, "service", i), 1 + 3 * i, 3));
	config.idle_ms = 50;
	usleep(100 * 1000);
	for (unsigned i = 1; i < SERVICES; i++)
		atomic_store(&service_state[i].used_ms, clock_ms());
	CHECK(learn_v4("new", 200001, 3));
	CHECK(!find("old", &listing) && find("new", &listing));
	check_rotates(v4(200001), v4, 200001, 3);
	for (unsigned i = 0; i < 4; i++)
		check_unknown(v4(100001 + i));
	/* back again, in the place of another */
	usleep(100 * 1000);
	CHECK(learn_v4("old", 100001, 3));
	check_rotates(v4(100001), v4, 100001, 3);
}

int main(void)
{
#define RUN(test) ok = check_run(#test, settings_for_tests, test) && ok
	bool ok = true;

	RUN(empty);
	RUN(learns);
	RUN(learns_both_families);
	RUN(leaves_alone);
	RUN(claimed_first);
	RUN(claimed_later);
	RUN(claimed_as_numbers);
	RUN(gives_up_its_claims);
	RUN(claims_what_dns_lacks);
	RUN(takes_the_turn);
	RUN(overlap);
	RUN(overlap_of_one);
	RUN(overlap_of_many);
	RUN(equal_pools);
	RUN(equal_pools_change);
	RUN(equal_pools_in_use);
	RUN(equal_pools_known);
	RUN(departs);
	RUN(a_slow_lookup_takes_nothing_back);
	RUN(departs_though_libc_handed_it);
	RUN(departed_is_another_ones_now);
	RUN(shared_does_not_depart);
	RUN(departs_again);
	RUN(departed_for_an_hour);
	RUN(merges_aliases);
	RUN(disowns);
	RUN(disowns_other_addresses);
	RUN(believes_subsets);
	RUN(gone_and_back);
	RUN(stale);
	RUN(due);
	RUN(due_unanswered);
	RUN(services_bound);
	RUN(names_bound);
	RUN(endpoints_bound);
	RUN(endpoints_all_shared);
	RUN(families_bound);
	RUN(evicts_idle);
	return !ok;
}

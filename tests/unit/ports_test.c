/* rooms: refresh learn balance directory shared dns base */
/* Names that LBDNS_NAMES or LBDNS_EXCLUDE has with a port: which connections rotate, and which
 * lookups. Each test has a process, and with it a directory, of its own. */
#include "learned.h"
#include "balance/pick.h"
#include "balance/rotation.h"
#include "base/config.h"
#include "base/ports.h"
#include "directory/listing.h"
#include "learn/eligible.h"
#include "learn/listed.h"

#include <stdio.h>
#include <unistd.h>

static void settings(const char *names, const char *exclude)
{
	char entries[2][256];
	char *environment[3] = {NULL};
	int count = 0;

	snprintf(entries[0], sizeof(entries[0]), "LBDNS_NAMES=%s", names ? names : "");
	snprintf(entries[1], sizeof(entries[1]), "LBDNS_EXCLUDE=%s", exclude ? exclude : "");
	if (names)
		environment[count++] = entries[0];
	if (exclude)
		environment[count++] = entries[1];
	config_load(environment);
	config.shared = false;
	config.refresh_ms = config.idle_ms = config.max_stale_ms = 60 * 60 * 1000;
}

/* Each count connections to a port of an address reach each of from … from + count - 1 once; the
 * fast path makes all but the first. */
static void check_rotates(unsigned asked, uint32_t port, unsigned from, unsigned count)
{
	struct route_fast fast;

	for (unsigned turn = 0; turn < 5; turn++) {
		uint64_t met = 0;

		for (unsigned i = 0; i < count; i++) {
			struct pick picked = connect_at(v4(asked), port);

			CHECK(picked.kind != PICK_LEAVE);
			for (unsigned k = 0; k < count; k++)
				if (address_equal(v4(from + k), picked.target.address))
					met |= UINT64_C(1) << k;
		}
		CHECK(met == (UINT64_C(1) << count) - 1);
	}
	CHECK(asked < from || route_fast(v4(asked), port, &fast));
}

/* Connections to a port of an address stay, and take no turn. */
static void check_stays(unsigned asked, uint32_t port)
{
	struct route_fast fast;

	for (int i = 0; i < 20; i++) {
		struct pick picked = connect_at(v4(asked), port);

		CHECK(picked.kind == PICK_LEAVE && picked.why == LEAVE_PORT);
		CHECK(!route_fast(v4(asked), port, &fast));
	}
}

/* Connections go to any of from … to. */
static void check_within(unsigned asked, uint32_t port, unsigned from, unsigned to)
{
	bool others = false;

	for (int i = 0; i < 100; i++) {
		struct pick picked = connect_at(v4(asked), port);

		CHECK(picked.kind != PICK_LEAVE);
		CHECK(address_compare(picked.target.address, v4(from)) >= 0 &&
		      address_compare(picked.target.address, v4(to)) <= 0);
		others = others || picked.kind == PICK_OTHER;
	}
	CHECK(others);
}

static void one_port(void)
{
	struct listing listing;

	settings("rng:8081", NULL);
	CHECK(learn_v4("rng", 1, 3));
	check_stays(2, 6379);
	check_rotates(2, 8081, 1, 3);
	check_rotates(2, 8081 | PEER_DATAGRAM, 1, 3);
	check_stays(2, 6379);
	check_stays(3, 6379 | PEER_DATAGRAM);
	check_rotates(3, 8081, 1, 3);
	CHECK(find("rng", &listing));
	CHECK(rotation_is_known(listing.family[FAMILY_V4].key, 8081));
	CHECK(!rotation_is_known(listing.family[FAMILY_V4].key, 6379));
	CHECK(listing_rotates(&listing, 8081) && listing_rotates(&listing, 0));
	CHECK(!listing_rotates(&listing, 6379));
}

static void several_ports(void)
{
	settings("rng:8081,db:1,rng:9090,all:1,all,*-headless:8081", NULL);
	CHECK(learn_v4("rng", 1, 3));
	CHECK(learn_v4("all", 11, 3));
	CHECK(learn_v4("a-headless", 21, 3));
	CHECK(!learn_v4("other", 31, 3));
	check_rotates(1, 8081, 1, 3);
	check_rotates(1, 9090, 1, 3);
	check_stays(1, 1);
	check_rotates(11, 1, 11, 3);
	check_rotates(11, 6379, 11, 3);
	check_rotates(21, 8081, 21, 3);
	check_stays(21, 9090);
}

static void excluded_port(void)
{
	struct listing listing;

	settings(NULL, "rng:6379,db");
	CHECK(learn_v4("rng", 1, 3));
	CHECK(learn_v4("free", 11, 3));
	CHECK(!learn_v4("db", 21, 3));
	check_stays(1, 6379);
	check_rotates(1, 8081, 1, 3);
	check_rotates(1, 1, 1, 3);
	check_rotates(11, 6379, 11, 3);
	CHECK(find("rng", &listing));
	CHECK(!listing_rotates(&listing, 6379) && listing_rotates(&listing, 8081));
}

/* Where nothing is left of what is listed the name is an excluded one. */
static void excluded_wins(void)
{
	struct name_text name = name_of("rng");

	settings("rng:8081,rng:9090", "*:8081");
	CHECK(learn_v4("rng", 1, 3));
	check_stays(1, 8081);
	check_rotates(1, 9090, 1, 3);
	settings("rng:8081", "*:8081");
	CHECK(eligible_judge(&name).verdict == ELIGIBLE_NEVER);
	settings("rng:8081", "rng");
	CHECK(eligible_judge(&name).verdict == ELIGIBLE_NEVER);
	settings("rng", "rng:8081");
	CHECK(eligible_judge(&name).verdict == ELIGIBLE_LISTED);
}

/* Names with the same endpoints are one pool, at the ports of either. */
static void equal_pools(void)
{
	settings("a:1,b:2,c", "c:3");
	CHECK(learn_v4("a", 1, 3));
	CHECK(learn_v4("b", 1, 3));
	check_rotates(1, 1, 1, 3);
	check_rotates(1, 2, 1, 3);
	check_stays(1, 3);
	check_stays(1, 4);
	/* What one excludes is left alone for all. */
	CHECK(learn_v4("c", 1, 3));
	check_rotates(1, 4, 1, 3);
	check_stays(1, 3);
}

/* An address in two pools goes only to what both have, at the ports of either. */
static void overlap(void)
{
	settings("a:1,b:2", NULL);
	CHECK(learn_v4("a", 1, 10));
	CHECK(learn_v4("b", 7, 8));
	check_rotates(1, 1, 1, 10);
	check_stays(1, 2);
	check_rotates(14, 2, 7, 8);
	check_stays(14, 1);
	check_within(8, 1, 7, 10);
	check_within(8, 2, 7, 10);
	check_stays(8, 3);
}

static void departed(void)
{
	settings("rng:8081", NULL);
	CHECK(learn_v4("rng", 2, 3));
	refresh_v4("rng", "rng.default", 3, 2);
	check_rotates(2, 8081, 3, 2);
	check_stays(2, 6379);
	refresh_v4("rng", "rng.default", 2, 3);
	check_rotates(2, 8081, 2, 3);
	check_stays(2, 6379);
}

/* The ports of the name that was asked for, and of the absolute one; of two spellings of one name
 * those of both. */
static void absolute_and_aliases(void)
{
	settings("rng:1,*.example.svc:2,alias:3", NULL);
	CHECK(learn_v4("rng", 1, 3));
	check_rotates(1, 1, 1, 3);
	refresh_v4("rng", "rng.example.svc", 1, 3);
	check_rotates(1, 1, 1, 3);
	check_rotates(1, 2, 1, 3);
	check_stays(1, 3);
	CHECK(learn_v4("alias", 3, 3));
	check_rotates(5, 3, 3, 3);
	check_stays(5, 2);
	refresh_v4("alias", "rng.example.svc", 1, 3);
	for (uint32_t port = 1; port <= 3; port++)
		check_rotates(1, port, 1, 3);
	check_stays(1, 4);
}

/* Exact names are known before anybody has looked them up. */
static void listed_exactly(void)
{
	struct listing listing;

	settings("rng:8081,rng:9090,db:1,*:2", "db:1,db:2");
	CHECK(eligible_any_exact() && listed_add());
	CHECK(find("rng", &listing) && !find("db", &listing));
	CHECK(listing_rotates(&listing, 8081) && listing_rotates(&listing, 9090));
	CHECK(!listing_rotates(&listing, 1));
	refresh_v4("rng", "rng.default", 1, 3);
	check_rotates(1, 8081, 1, 3);
	check_rotates(1, 9090, 1, 3);
	check_stays(1, 1);
}

/* Another name is claimed at every port, as ever. */
static void claimed(void)
{
	settings("rng:8081", NULL);
	CHECK(learn_v4("rng", 1, 3));
	check_rotates(1, 8081, 1, 3);
	CHECK(!learn_v4("rng-0.rng", 1, 1));
	for (int i = 0; i < 20; i++)
		CHECK(connect_at(v4(1), 8081).kind != PICK_OTHER);
	check_stays(1, 6379);
	check_rotates(2, 8081, 1, 3);
}

int main(void)
{
#define RUN(test) ok = check_run(#test, settings_for_tests, test) && ok
	bool ok = true;

	RUN(one_port);
	RUN(several_ports);
	RUN(excluded_port);
	RUN(excluded_wins);
	RUN(equal_pools);
	RUN(overlap);
	RUN(departed);
	RUN(absolute_and_aliases);
	RUN(listed_exactly);
	RUN(claimed);
	return !ok;
}

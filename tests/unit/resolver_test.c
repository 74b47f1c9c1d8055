/* rooms: dns base */
/* resolver_test: what needs no server.
 * resolver_test [-s SERVERS] [-r RESOLV.CONF] [-d DEADLINE_MS] [-f 4|6|46] [-a] NAME: asks, and
 *prints three lines: name rng.default.svc.cluster.local v4 2 30 10.244.1.1 10.244.1.2 count, TTL,
 *addresses; or none, no-name, failed, not-asked v6 none -a: NAME is absolute. -c: only ask, then
 *give the query up. */
#include "check.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "base/config.h"
#include "dns/resolvconf.h"
#include "dns/resolver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned both = FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6);

static int lowest_descriptor(void)
{
	int descriptor = open("/dev/null", O_RDONLY);

	close(descriptor);
	return descriptor;
}

/* Steps until the answer is there, which it is at the deadline: nothing is to be waited for after
 * that, however late this process itself is. */
static const struct answer *finish(struct resolver_query *query, uint64_t deadline_ms)
{
	for (bool done = false; !done;) {
		struct pollfd pollfds[RESOLVER_POLLFDS];
		int timeout_ms = -1;
		uint64_t before_ms = clock_ms();
		unsigned count = resolver_pollfds(query, pollfds, &timeout_ms);

		CHECK(count <= RESOLVER_POLLFDS && timeout_ms >= 0);
		CHECK(!timeout_ms || before_ms + (uint64_t)timeout_ms <= deadline_ms);
		poll(pollfds, count, timeout_ms);
		before_ms = clock_ms();
		done = resolver_step(query, pollfds, count);
		CHECK(done || before_ms < deadline_ms);
	}
	return resolver_answer(query);
}

static void print_answer(const struct answer *answer)
{
	static const char *const outcomes[] = {
		[DNS_NOT_ASKED] = "not-asked",
		[DNS_NO_DATA] = "none",
		[DNS_NO_NAME] = "no-name",
		[DNS_FAILED] = "failed",
	};

	printf("name %s\n", answer->absolute);
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct address *addresses = answer->family[family].addresses;
		size_t count = answer->family[family].count;
		char text[ADDRESS_TEXT_SIZE];

		printf(family == FAMILY_V4 ? "v4" : "v6");
		if (answer->family[family].outcome == DNS_ADDRESSES) {
			CHECK(count > 0);
			printf(" %zu %u", count, answer->family[family].ttl_s);
		} else {
			CHECK(count == 0);
			printf(" %s", outcomes[answer->family[family].outcome]);
		}
		for (size_t i = 0; i < count; i++) {
			CHECK(i == 0 || address_compare(addresses[i - 1], addresses[i]) < 0);
			CHECK(address_is_usable(addresses[i]) &&
			      address_family(addresses[i]) == family);
			printf(" %s", address_text(addresses[i], text));
		}
		printf("\n");
	}
}

static void check_sort(void)
{
	static struct address addresses[5000];
	uint64_t random = 1;

	CHECK(address_set_sort(addresses, 0) == 0);
	CHECK(address_set_sort(addresses, 1) == 1);
	for (size_t count = 1; count <= 5000; count = count * 3 + 1) {
		size_t left;

		for (size_t i = 0; i < count; i++) {
			random = hash_mix(random + 1);
			addresses[i] = (struct address){random >> 63, random % count};
		}
		left = address_set_sort(addresses, count);
		CHECK(left > 0 && left <= count);
		for (size_t i = 1; i < left; i++)
			CHECK(address_compare(addresses[i - 1], addresses[i]) < 0);
		CHECK(address_set_sort(addresses, left) == left);
	}
}

static void check_failed(struct resolver_query *query, unsigned families)
{
	const struct answer *answer = finish(query, clock_ms() + 5000);

	CHECK(answer->absolute[0] == '\0');
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		bool asked = families & FAMILY_BIT(family);

		CHECK(answer->family[family].outcome ==
		      (asked ? DNS_FAILED : DNS_NOT_ASKED));
	}
	resolver_end(query);
}

static void check_serverless(void)
{
	struct resolvconf conf = {.ndots = 1, .timeout_ms = 5000, .tries = 2};
	char name[400];

	check_failed(resolver_start("a", false, both, &conf, 1000), both);
	strcpy(conf.servers, "nonsense");
	check_failed(resolver_start("a", false, both, &conf, 1000), both);
	strcpy(conf.servers, "127.0.0.1:9"); /* nobody there */
	check_failed(resolver_start("a", true, both, &conf, 5000), both);
	check_failed(resolver_start("a", false, FAMILY_BIT(FAMILY_V6), &conf, 5000),
	             FAMILY_BIT(FAMILY_V6));
	check_failed(resolver_start("a", false, 0, &conf, 5000), 0);
	check_failed(resolver_start("", false, both, &conf, 5000), both);
	check_failed(resolver_start(".", true, both, &conf, 5000), both);
	check_failed(resolver_start("a..b", true, both, &conf, 5000), both);
	check_failed(resolver_start("a", true, both, &conf, 0), both);
	for (size_t length = 250; length < sizeof(name); length++) {
		memset(name, 'x', length);
		name[length] = '\0';
		check_failed(resolver_start(name, length & 1, both, &conf, 1000), both);
	}
	resolver_end(NULL);
}

static int ask(const char *servers, const char *file, unsigned deadline_ms, unsigned families,
               bool absolute, bool give_up, const char *name)
{
	int descriptor = lowest_descriptor();
	uint64_t start = clock_ms();
	struct resolver_query *query;
	struct resolvconf conf;

	config.nameservers = servers;
	CHECK(resolvconf_read_file(file, &conf));
	query = resolver_start(name, absolute, families, &conf, deadline_ms);
	CHECK(query != NULL);
	if (query && !give_up)
		print_answer(finish(query, clock_ms() + deadline_ms));
	resolver_end(query);
	CHECK(clock_ms() - start < deadline_ms + 3000); /* nor does a step wait by itself */
	CHECK(lowest_descriptor() == descriptor);
	return check_result();
}

int main(int argc, char **argv)
{
	const char *servers = NULL, *file = "/etc/resolv.conf";
	unsigned deadline_ms = 5000, families = both;
	bool absolute = false, give_up = false;

	for (int option; (option = getopt(argc, argv, "acd:f:r:s:")) != -1;) {
		switch (option) {
		case 'a':
			absolute = true;
			break;
		case 'c':
			give_up = true;
			break;
		case 'd':
			deadline_ms = (unsigned)atoi(optarg);
			break;
		case 'f':
			families = (strchr(optarg, '4') ? FAMILY_BIT(FAMILY_V4) : 0) |
			           (strchr(optarg, '6') ? FAMILY_BIT(FAMILY_V6) : 0);
			break;
		case 'r':
			file = optarg;
			break;
		case 's':
			servers = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind < argc)
		return ask(servers, file, deadline_ms, families, absolute, give_up, argv[optind]);
	check_sort();
	check_serverless();
	return check_result();
}

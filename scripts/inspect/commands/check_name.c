#include "commands/check.h"

#include "balance/policy.h"
#include "balance/rotation.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "base/name.h"
#include "base/ports.h"
#include "learn/eligible.h"
#include "dns/resolver.h"
#include "formats/words.h"
#include "net/probe.h"
#include "report/complain.h"
#include "shared/segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUERY_MS = 5000, PICKS_SHOWN = 4 };

struct question {
	struct name_text name;
	uint32_t port; /* 0: not given */
	struct eligible eligible;
};

static bool question_read(const char *text, struct question *question)
{
	char name[CONFIG_NAME_SIZE + 8], *colon, *end = NULL;
	unsigned long port = 0;

	if (strlen(text) >= sizeof(name))
		return false;
	strcpy(name, text);
	colon = strchr(name, ':');
	if (colon) {
		*colon = '\0';
		port = strtoul(colon + 1, &end, 10);
		if (*end || end == colon + 1 || port < 1 || port > 65535)
			return false;
	}
	question->port = (uint32_t)port;
	return name_normalize(name, &question->name) && !name_is_numeric(&question->name);
}

/* Asks DNS, and returns the query, which has ended and holds the answer; the caller calls
 * resolver_end. NULL after a complaint. */
static struct resolver_query *ask(const struct question *question)
{
	struct resolvconf conf;
	struct resolver_query *query;
	struct pollfd pollfds[RESOLVER_POLLFDS];
	unsigned count = 0;

	resolvconf_read(&conf);
	query = resolver_start(question->name.text, false,
	                       FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6), &conf, QUERY_MS);
	while (query && !resolver_step(query, pollfds, count)) {
		int timeout_ms = -1;

		count = resolver_pollfds(query, pollfds, &timeout_ms);
		poll(pollfds, count, timeout_ms);
	}
	if (!query)
		complain("no memory");
	return query;
}

/* Returns whether libc answers a name from /etc/hosts: then DNS is not believed for it. */
static bool in_hosts_file(const char *name)
{
	char line[4096];
	bool there = false;
	FILE *file = fopen("/etc/hosts", "re");

	while (file && !there && fgets(line, sizeof(line), file)) {
		char *rest = line;

		line[strcspn(line, "#\n")] = '\0';
		strtok_r(NULL, " \t", &rest);
		for (char *word; !there && (word = strtok_r(NULL, " \t", &rest));)
			there = !strcasecmp(word, name);
	}
	if (file)
		fclose(file);
	return there;
}

static const char *why_not_eligible(const struct question *question,
                                    const struct address *addresses, size_t count)
{
	if (question->eligible.verdict == ELIGIBLE_LISTED)
		return NULL;
	if (count < 2)
		return "one address: nothing to rotate over";
	if (!address_set_is_private(addresses, count))
		return "public and loopback addresses rotate only for names that LBDNS_NAMES lists";
	return NULL;
}

/* Returns true if the settings let connections to the name rotate, on the port if one is given. */
static bool is_wanted(const struct question *question)
{
	uint64_t ports = ports_by(question->eligible.ports);

	return question->eligible.verdict != ELIGIBLE_NEVER &&
	       (!question->port || ports_have(ports, question->port));
}

/* Shows on which ports connections rotate, if not on all. */
static void show_ports(uint64_t ports)
{
	bool but = ports & PORTS_OTHERS;
	const char *before = but ? "  rotates on all ports but" : "  rotates on no port but";

	if (ports == PORTS_ALL)
		return;
	for (uint32_t i = 0; i < config.port_count; i++) {
		if ((ports >> i & 1) == but)
			continue;
		printf("%s %u", before, config.ports[i]);
		before = ",";
	}
	printf("\n");
}

/* ---- The next picks */

static void show_picks(const struct address *addresses, uint32_t count, uint32_t port)
{
	struct candidates among = {.endpoints = addresses,
	                           .count = count,
	                           .key = address_set_key(addresses, count),
	                           .now_ms = clock_ms()};
	struct preview preview;
	char text[ADDRESS_TEXT_SIZE];

	if (!shared_open(geteuid(), false)) {
		printf("  next picks: from a random endpoint on; no client has used lbdns here "
		       "yet\n");
		return;
	}
	among.port = rotation_port(among.key, port);
	preview = policy_preview(&among);
	printf("  next picks for port %u:", among.port);
	for (uint32_t i = 0; i < preview.count && i < PICKS_SHOWN; i++)
		printf(" %s", address_text(addresses[policy_preview_index(&preview, i)], text));
	printf("%s\n", preview.count > PICKS_SHOWN ? " …" : "");
	for (uint32_t i = 0; i < preview.skips.count; i++)
		printf("  passed over, because it failed: %s\n",
		       address_text(addresses[preview.skips.excluded[i]], text));
	shared_close();
}

/* ---- Whether they answer */

static bool show_probes(const struct address *addresses, size_t count, uint32_t port)
{
	int *errors = calloc(count, sizeof(*errors));
	size_t good = 0, refused = 0;
	char text[ADDRESS_TEXT_SIZE], number[16];

	if (!errors)
		return false;
	probe(addresses, count, (uint16_t)port, errors);
	for (size_t i = 0; i < count; i++) {
		good += !errors[i];
		refused += errors[i] == ECONNREFUSED;
		printf("  %-15s %s\n", address_text(addresses[i], text),
		       !errors[i]                  ? "answers"
		       : errors[i] == ECONNREFUSED ? "refuses"
		       : errors[i] == ETIMEDOUT    ? "does not answer"
		                                   : words_error(errors[i], number));
	}
	free(errors);
	if (refused == count)
		printf("  pods refuse %u: a headless service does not map ports; connect to the "
		       "port "
		       "that\n  the pods listen on\n",
		       port);
	return good == count;
}

/* Shows the endpoints of one family. True if they are eligible, and all answer. */
static bool show_family(const struct question *question, const struct answer *answer,
                        enum family family)
{
	const struct address *addresses = answer->family[family].addresses;
	size_t count = answer->family[family].count;
	const char *why = why_not_eligible(question, addresses, count);
	char text[ADDRESS_TEXT_SIZE];
	bool good = !why;

	printf("%s: %zu endpoint%s, TTL %us, %s%s\n", family == FAMILY_V4 ? "IPv4" : "IPv6", count,
	       count == 1 ? "" : "s", answer->family[family].ttl_s,
	       why ? "not eligible: " : "eligible", why ? why : "");
	if (question->port)
		good = show_probes(addresses, count, question->port) && good;
	else
		for (size_t i = 0; i < count; i++)
			printf("  %s\n", address_text(addresses[i], text));
	if (!why)
		show_picks(addresses, (uint32_t)count, question->port);
	return good;
}

static void show_name(const struct question *question, const struct answer *answer)
{
	printf("%s is %s\n", question->name.text, answer->absolute);
	if (!question->port)
		show_ports(ports_by(question->eligible.ports));
}

static int show(const struct question *question, const struct answer *answer)
{
	bool good = true, some = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (answer->family[f].outcome != DNS_ADDRESSES)
			continue;
		if (!some)
			show_name(question, answer);
		some = true;
		good = show_family(question, answer, f) && good;
	}
	if (some)
		return good ? DONE : FAILED;
	/* The worse outcome of the two families says why. */
	printf("no: %s: %s\n", question->name.text,
	       words_outcome(answer->family[FAMILY_V4].outcome > answer->family[FAMILY_V6].outcome
	                             ? answer->family[FAMILY_V4].outcome
	                             : answer->family[FAMILY_V6].outcome));
	return FAILED;
}

int check_name(const char *text)
{
	struct question question;
	struct resolver_query *query;
	int status;

	config_load(environ);
	/* c-ares would read these by itself; what they say is in config. */
	unsetenv("LOCALDOMAIN");
	unsetenv("RES_OPTIONS");
	if (!question_read(text, &question)) {
		complain("--name %s: use a name and, for its endpoints to be tried, a port: "
		         "rng-headless:8081",
		         text);
		return WRONG_USE;
	}
	question.eligible = eligible_judge(&question.name);
	if (!is_wanted(&question)) {
		printf("no: %s is left alone: %s\n", text,
		       config.listed || config.exclude.count ? "by LBDNS_NAMES or LBDNS_EXCLUDE"
		                                             : "it is this host");
		return FAILED;
	}
	if (in_hosts_file(question.name.text)) {
		printf("no: %s is in /etc/hosts, where libc finds it before DNS\n",
		       question.name.text);
		return FAILED;
	}
	query = ask(&question);
	if (!query)
		return FAILED;
	status = show(&question, resolver_answer(query));
	resolver_end(query);
	return status;
}

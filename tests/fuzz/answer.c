/* rooms: dns base */
/* A DNS message: read as it is, and sent by a name server as the answer to a question for the name
 * that it answers, by UDP and, where it is cut, by TCP. */
#include "fuzz.h"
#include "base/address.h"
#include "base/config.h"
#include "dns/cares.h"
#include "dns/records.h"
#include "dns/resolvconf.h"
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE = 65535, HEADER = 12, QUESTION = 4, STEPS = 12 };

static int datagrams, listener;
static struct resolvconf conf = {.ndots = 1, .timeout_ms = 5000, .tries = 1};

/* One port for UDP and TCP. */
static bool serve(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(own);

	datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(datagrams, (struct sockaddr *)&own, sizeof(own)) ||
	    getsockname(datagrams, (struct sockaddr *)&own, &length))
		return false;
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 64)) {
		close(datagrams);
		close(listener);
		return false;
	}
	snprintf(conf.servers, sizeof(conf.servers), "127.0.0.1:%u", ntohs(own.sin_port));
	return true;
}

static void check_addresses(const struct address *addresses, size_t count, enum family family)
{
	HOLDS(count <= ANSWER_ADDRESS_LIMIT);
	for (size_t i = 0; i < count; i++) {
		HOLDS(address_is_usable(addresses[i]));
		HOLDS(!i || address_compare(addresses[i - 1], addresses[i]) < 0);
		/* A record of ours is v4-mapped or not, whichever record it came in. */
		HOLDS(family == FAMILY_V6 || address_family(addresses[i]) == FAMILY_V4);
	}
}

static void check_records(const unsigned char *message, int size)
{
	for (unsigned way = 0; way < 2 * FAMILY_COUNT; way++) {
		enum family family = way / 2;
		struct cares_arena *arena = cares_arena_open();
		struct records records;

		HOLDS(arena);
		cares_enter(arena);
		if (records_parse(family, message, size, way % 2, &records))
			HOLDS(records.any || !records.count);
		else
			HOLDS(!records.count);
		HOLDS(!records.canonical || strlen(records.canonical) <= 4 * MESSAGE);
		check_addresses(records.addresses, records.count, family);
		cares_arena_close(arena);
	}
}

/* The name of the first question, and where it ends; false if there is none. */
static bool question_name(const unsigned char *message, int size, char *name, int *end)
{
	struct cares_arena *arena = cares_arena_open();
	char *text = NULL;
	long length = 0;
	bool found;

	HOLDS(arena);
	cares_enter(arena);
	found = size > HEADER &&
	        ares_expand_name(message + HEADER, message, size, &text, &length) == ARES_SUCCESS;
	*end = HEADER + (int)length;
	found = found && strlen(text) > 0 && strlen(text) < CONFIG_NAME_SIZE &&
	        *end + QUESTION <= size;
	if (found)
		memcpy(name, text, strlen(text) + 1);
	cares_arena_close(arena);
	return found;
}

/* The message with the id of a question and, with end, its type: whoever asked believes it. */
static void answer_to(const unsigned char *question, ssize_t length, unsigned char *message,
                      int size, int end)
{
	if (size < HEADER || length < HEADER)
		return;
	memcpy(message, question, 2);
	if (!end || end + QUESTION > size || length < end + QUESTION)
		return;
	message[2] |= 0x80; /* an answer */
	memcpy(message + end, question + end, QUESTION);
}

static void answer_datagrams(const unsigned char *data, int size, int end)
{
	static unsigned char message[MESSAGE];
	unsigned char question[512];
	struct sockaddr_in asker;
	socklen_t length = sizeof(asker);
	ssize_t got;

	while ((got = recvfrom(datagrams, question, sizeof(question), 0, (struct sockaddr *)&asker,
	                       &length)) >= 0) {
		memcpy(message, data, (size_t)size);
		for (int believed = 0; believed < 2; believed++) {
			answer_to(question, got, message, size, believed ? end : 0);
			sendto(datagrams, message, (size_t)size, 0, (struct sockaddr *)&asker,
			       length);
		}
	}
}

static void answer_streams(const unsigned char *data, int size, int end, int *open)
{
	static unsigned char message[2 + MESSAGE];
	unsigned char question[1024];
	ssize_t got;

	if (*open < 0)
		*open = accept(listener, NULL, NULL);
	if (*open < 0)
		return;
	got = recv(*open, question, sizeof(question), MSG_DONTWAIT);
	for (ssize_t at = 0; at + 2 <= got;) {
		ssize_t length = question[at] << 8 | question[at + 1];

		if (at + 2 + length > got)
			break;
		message[0] = (unsigned char)(size >> 8);
		message[1] = (unsigned char)size;
		memcpy(message + 2, data, (size_t)size);
		answer_to(question + at + 2, length, message + 2, size, end);
		send(*open, message, (size_t)size + 2, MSG_NOSIGNAL | MSG_DONTWAIT);
		at += 2 + length;
	}
}

static void check_answer(const struct answer *answer, const char *name)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		enum dns_outcome outcome = answer->family[family].outcome;

		HOLDS(outcome != DNS_NOT_ASKED && outcome <= DNS_FAILED);
		HOLDS((outcome == DNS_ADDRESSES) == (answer->family[family].count > 0));
		check_addresses(answer->family[family].addresses, answer->family[family].count,
		                family);
		if (outcome == DNS_ADDRESSES)
			HOLDS(!strcasecmp(answer->absolute, name));
	}
}

static void check_resolver(const unsigned char *data, int size)
{
	struct resolver_query *query;
	struct pollfd pollfds[RESOLVER_POLLFDS];
	char name[CONFIG_NAME_SIZE];
	int end, stream = -1;
	bool done = false;

	if (!question_name(data, size, name, &end))
		return;
	query = resolver_start(name, true, FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6), &conf,
	                       5000);
	HOLDS(query);
	/* On loopback what is sent has arrived: nothing is to be waited for. */
	for (int step = 0; step < STEPS && !done; step++) {
		int timeout_ms = -1;
		unsigned count = resolver_pollfds(query, pollfds, &timeout_ms);

		HOLDS(count <= RESOLVER_POLLFDS && timeout_ms >= 0 && timeout_ms <= 5000);
		answer_datagrams(data, size, end);
		answer_streams(data, size, end, &stream);
		poll(pollfds, count, 0);
		done = resolver_step(query, pollfds, count);
	}
	if (done)
		check_answer(resolver_answer(query), name);
	resolver_end(query);
	/* Nobody is to meet what was meant for this one. */
	answer_datagrams(data, 0, 0);
	if (stream >= 0)
		close(stream);
	while ((stream = accept(listener, NULL, NULL)) >= 0)
		close(stream);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (int tries = 0; !serve(); tries++)
		HOLDS(tries < 100);
	/* c-ares takes its memory from the arena once there was a query. */
	resolver_end(resolver_start("a", true, FAMILY_BIT(FAMILY_V4), &conf, 1));
	answer_datagrams((const unsigned char *)"", 0, 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > MESSAGE)
		return -1;
	check_records(data, (int)size);
	check_resolver(data, (int)size);
	return 0;
}

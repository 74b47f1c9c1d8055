#include "dns/resolver.h"

#include "base/clock.h"
#include "dns/cares.h"
#include "dns/records.h"

#include <string.h>

enum { RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3 };

/* A server that says nothing is given up for the next one after so long. */
enum { RESOLVER_TRY_LEAST_MS = 100, RESOLVER_TRY_MOST_MS = 2000 };

/* c-ares' tries are to outlast the deadline: with doubling, 15 times the first. A single server is
 * asked once: the caller does ask again, and c-ares would repeat a question that was refused at
 * once. */
enum { RESOLVER_TRIES_LEAST = 4 };

/* One family of one candidate. Records, usable or not, end the search. */
struct resolver_lookup {
	struct resolver_query *query;
	enum dns_outcome outcome;
	bool silent; /* DNS_FAILED because nothing came */
	bool format_error;
	bool asked_again; /* after a format error, without EDNS */
	struct records records;
};

/* Lives in the arena, as all it points to. */
struct resolver_query {
	struct cares_arena *arena;
	ares_channel channel; /* NULL if it could not be opened */
	struct cares_wire wire;
	struct resolvconf conf;
	char name[CONFIG_NAME_SIZE + 1]; /* with a trailing dot if absolute */
	unsigned families;
	unsigned pending; /* families that the candidate is being asked for */
	unsigned tried;   /* candidates; the last of them is the one in `candidate` */
	char candidate[CONFIG_NAME_SIZE];
	bool name_exists; /* a candidate without data did */
	bool done;
	uint64_t deadline_ms; /* by clock_ms */
	struct resolver_lookup lookup[FAMILY_COUNT];
	struct answer answer;
};

static bool resolver_is_answer(int status, const unsigned char *packet, int size)
{
	return packet &&
	       records_is_answer(packet, size,
	                         status == ARES_ENOTFOUND ? RCODE_NXDOMAIN : RCODE_NOERROR);
}

/* Returns true if a question failed because nothing came: packets were lost, ports are closed. */
static bool is_silent(const struct resolver_query *query, int status)
{
	return (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED) && !query->wire.error_heard;
}

/* Called by c-ares from within ares_query, ares_process_fd and ares_destroy: only takes notes. */
static void resolver_answered(void *context, int status, int timeouts, unsigned char *packet,
                              int size)
{
	struct resolver_lookup *lookup = context;
	struct resolver_query *query = lookup->query;
	enum family family = (enum family)(lookup - query->lookup);

	(void)timeouts;
	if (query->done)
		return;
	if (!resolver_is_answer(status, packet, size) ||
	    (status == ARES_SUCCESS &&
	     !records_parse(family, packet, size, query->conf.any_owner, &lookup->records)))
		lookup->outcome = DNS_FAILED;
	else if (status == ARES_SUCCESS)
		lookup->outcome = lookup->records.count > 0 ? DNS_ADDRESSES : DNS_NO_DATA;
	else if (status == ARES_ENODATA)
		lookup->outcome = DNS_NO_DATA;
	else if (status == ARES_ENOTFOUND)
		lookup->outcome = DNS_NO_NAME;
	else
		lookup->outcome = DNS_FAILED;
	lookup->silent = is_silent(query, status);
	lookup->format_error = status == ARES_EFORMERR;
	query->pending &= ~FAMILY_BIT(family);
}

static void resolver_ask(struct resolver_query *query, enum family family)
{
	struct resolver_lookup *lookup = &query->lookup[family];

	lookup->outcome = DNS_FAILED;
	lookup->silent = false;
	lookup->format_error = false;
	memset(&lookup->records, 0, sizeof(lookup->records));
	if (family == FAMILY_V6 && query->conf.no_aaaa) {
		/* resolver_take makes DNS_NO_DATA of it if there is such a name. */
		lookup->outcome = DNS_NO_NAME;
		return;
	}
	query->pending |= FAMILY_BIT(family); /* first: the answer may come at once */
	ares_query(query->channel, query->candidate, DNS_CLASS_IN,
	           family == FAMILY_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA, resolver_answered, lookup);
}

static void resolver_fail(struct resolver_query *query)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (query->families & FAMILY_BIT(family))
			query->answer.family[family].outcome = DNS_FAILED;
	query->done = true;
}

/* A server that does not know EDNS answers FORMERR. c-ares then repeats the query without, but 1.18
 * does so only for the first of two under way; the other one fails, and from then on none has EDNS.
 */
static void resolver_ask_again(struct resolver_query *query)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		struct resolver_lookup *lookup = &query->lookup[family];

		if (lookup->format_error && !lookup->asked_again) {
			lookup->asked_again = true;
			resolver_ask(query, family);
		}
	}
}

static void resolver_ask_next(struct resolver_query *query)
{
	if (!resolvconf_candidate(&query->conf, query->name, query->tried, query->candidate)) {
		resolver_fail(query);
		return;
	}
	query->tried++;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (query->families & FAMILY_BIT(family))
			resolver_ask(query, family);
}

/* This candidate has records: it is the answer. */
static void resolver_take(struct resolver_query *query)
{
	struct answer *answer = &query->answer;

	answer->absolute = query->candidate; /* the last one that is asked for */
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct resolver_lookup *lookup = &query->lookup[family];

		if (!(query->families & FAMILY_BIT(family)))
			continue;
		answer->family[family].outcome = lookup->outcome;
		answer->family[family].silent = lookup->silent;
		/* Some servers deny the name in the family it has nothing of (RFC 4074 4.2). */
		if (lookup->outcome == DNS_NO_NAME)
			answer->family[family].outcome = DNS_NO_DATA;
		if (lookup->outcome == DNS_ADDRESSES) {
			answer->family[family].addresses = lookup->records.addresses;
			answer->family[family].count = lookup->records.count;
			answer->family[family].ttl_s = lookup->records.ttl_s;
			answer->canonical = lookup->records.canonical ? lookup->records.canonical
			                                              : query->candidate;
		}
	}
	query->done = true;
}

/* All families of this candidate are in: is the search over? */
static void resolver_conclude(struct resolver_query *query)
{
	char next[CONFIG_NAME_SIZE];
	bool records = false, failed = false, all_silent = true, last;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct resolver_lookup *lookup = &query->lookup[family];

		if (!(query->families & FAMILY_BIT(family)))
			continue;
		records |= lookup->records.any;
		failed |= lookup->outcome == DNS_FAILED;
		all_silent &= lookup->outcome != DNS_FAILED || lookup->silent;
		query->name_exists |= lookup->outcome == DNS_NO_DATA;
	}
	if (records) {
		resolver_take(query);
		return;
	}
	last = !resolvconf_candidate(&query->conf, query->name, query->tried, next);
	if (!failed && !last)
		return;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		enum dns_outcome *outcome = &query->answer.family[family].outcome;

		if (!(query->families & FAMILY_BIT(family)))
			continue;
		if (!last || query->lookup[family].outcome == DNS_FAILED)
			*outcome = DNS_FAILED;
		else
			*outcome = query->name_exists ? DNS_NO_DATA : DNS_NO_NAME;
		query->answer.family[family].silent = *outcome == DNS_FAILED && all_silent;
	}
	query->done = true;
}

static void resolver_advance(struct resolver_query *query)
{
	while (!query->done && query->pending == 0) {
		resolver_ask_again(query);
		if (query->pending != 0)
			continue;
		if (query->tried > 0)
			resolver_conclude(query);
		if (!query->done)
			resolver_ask_next(query);
	}
}

/* How long one server may take, so that behind dead ones the last server is still asked for the
 * last candidate. Its late answer is taken all the same. */
static int resolver_try_ms(const struct resolver_query *query, const char *servers,
                           uint32_t deadline_ms)
{
	bool absolute = query->name[0] && query->name[strlen(query->name) - 1] == '.';
	uint32_t attempts = absolute ? 1 : query->conf.search_count + 1, share;
	uint32_t server_count = 1;

	while ((servers = strchr(servers, ','))) {
		servers++;
		server_count++;
	}
	if (server_count == 1)
		return (int)deadline_ms;
	share = deadline_ms / (attempts * server_count + 1);
	if (share > query->conf.timeout_ms)
		share = query->conf.timeout_ms;
	if (share > RESOLVER_TRY_MOST_MS)
		share = RESOLVER_TRY_MOST_MS;
	return share < RESOLVER_TRY_LEAST_MS ? RESOLVER_TRY_LEAST_MS : (int)share;
}

static bool resolver_open(struct resolver_query *query, uint32_t deadline_ms)
{
	const char *servers = config.nameservers ? config.nameservers : query->conf.servers;
	struct cares_way way;
	unsigned tries =
		query->conf.tries > RESOLVER_TRIES_LEAST ? query->conf.tries : RESOLVER_TRIES_LEAST;

	if (!strchr(servers, ','))
		tries = 1;

	way = (struct cares_way){.servers = servers,
	                         .try_ms = resolver_try_ms(query, servers, deadline_ms),
	                         .tries = (int)tries,
	                         .edns = query->conf.edns,
	                         .tcp = query->conf.use_vc};
	query->wire.scopes = query->conf.scopes;
	return *servers && cares_channel_open(&query->channel, &way, &query->wire) == ARES_SUCCESS;
}

struct resolver_query *resolver_start(const char *name, bool absolute, unsigned families,
                                      const struct resolvconf *conf, uint32_t deadline_ms)
{
	struct cares_arena *arena = cares_arena_open();
	struct resolver_query *query;
	size_t length = strlen(name);

	if (!arena)
		return NULL;
	cares_enter(arena);
	query = cares_alloc_zeroed(sizeof(*query)); /* the first of its arena: there is room */
	if (!query) {
		cares_arena_close(arena);
		return NULL;
	}
	query->arena = arena;
	query->answer.source = ANSWER_DNS;
	query->answer.absolute = "";
	query->conf = *conf;
	query->families = families & (FAMILY_BIT(FAMILY_COUNT) - 1);
	query->deadline_ms = clock_ms() + deadline_ms;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		query->lookup[family].query = query;

	if (length + 1 < sizeof(query->name)) {
		memcpy(query->name, name, length + 1);
		if (absolute && length > 0 && name[length - 1] != '.')
			memcpy(query->name + length, ".", sizeof("."));
	}
	if (query->families == 0 || !query->name[0] || !resolver_open(query, deadline_ms))
		resolver_fail(query);
	resolver_advance(query);
	return query;
}

/* Gives up a family that is not answered at the deadline. */
static void resolver_late(struct resolver_query *query, enum family family)
{
	query->lookup[family].outcome = DNS_FAILED;
	query->lookup[family].silent = !query->wire.error_heard;
}

unsigned resolver_pollfds(struct resolver_query *query, struct pollfd pollfds[RESOLVER_POLLFDS],
                          int *timeout_ms)
{
	ares_socket_t sockets[RESOLVER_POLLFDS];
	struct timeval buffer, *next;
	uint64_t now = clock_ms(), wait;
	unsigned count = 0, ready;

	if (query->done) {
		*timeout_ms = 0;
		return 0;
	}
	cares_enter(query->arena);
	ready = (unsigned)ares_getsock(query->channel, sockets, RESOLVER_POLLFDS);
	for (; count < RESOLVER_POLLFDS; count++) {
		bool reads = ready >> count & 1,
		     writes = ready >> (count + ARES_GETSOCK_MAXNUM) & 1;

		if (!reads && !writes)
			break;
		pollfds[count] = (struct pollfd){
			.fd = sockets[count],
			.events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)),
		};
	}

	wait = query->deadline_ms > now ? query->deadline_ms - now : 0;
	next = ares_timeout(query->channel, NULL, &buffer);
	/* 1.18 rounds down: without the millisecond more, we would come back too early again and
	 * again. */
	if (next && (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1 < wait)
		wait = (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1;
	if (*timeout_ms < 0 || wait < (uint64_t)*timeout_ms)
		*timeout_ms = (int)wait;
	return count;
}

bool resolver_step(struct resolver_query *query, const struct pollfd *pollfds, unsigned count)
{
	if (query->done)
		return true;
	cares_enter(query->arena);
	for (unsigned i = 0; i < count; i++) {
		short events = pollfds[i].revents;
		ares_socket_t readable = ARES_SOCKET_BAD, writable = ARES_SOCKET_BAD;

		/* An error is collected by whatever was asked for. */
		if (events & (POLLIN | POLLERR | POLLHUP | POLLNVAL))
			readable = pollfds[i].fd;
		if (events & POLLOUT || (events && pollfds[i].events & POLLOUT))
			writable = pollfds[i].fd;
		if (events)
			ares_process_fd(query->channel, readable, writable);
	}
	ares_process_fd(query->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* timeouts */
	resolver_advance(query);

	if (!query->done && clock_ms() >= query->deadline_ms) {
		for (enum family family = 0; family < FAMILY_COUNT; family++)
			if (query->pending & FAMILY_BIT(family))
				resolver_late(query, family);
		query->pending = 0;
		resolver_conclude(query);
	}
	return query->done;
}

const struct answer *resolver_answer(const struct resolver_query *query)
{
	return &query->answer;
}

void resolver_end(struct resolver_query *query)
{
	if (!query)
		return;
	cares_enter(query->arena);
	query->done = true;
	if (query->channel)
		ares_destroy(query->channel);
	cares_arena_close(query->arena);
}

/* State: the queries, the resolv.conf that they go by, and the name that the process is counted
 * under. The refresh thread alone uses them, except that resolv.conf may be read before it starts.
 */
#include "refresh/queries.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/futex.h"
#include "base/kernel.h"
#include "base/libc.h"
#include "base/log.h"
#include "directory/service.h"
#include "dns/resolvconf.h"
#include "dns/resolver.h"
#include "learn/from_dns.h"
#include "refresh/due.h"
#include "refresh/files.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <poll.h>

enum {
	QUERIES = 64,       /* under way at the same time */
	QUERIES_OF_ONE = 4, /* of those for one name */
	BUSY_MS = 1,        /* before a directory that another thread writes is tried again */
	SIGNAL_SET_SIZE = 8 /* of the kernel's sigset_t */
};

/* A query under way. */
struct running {
	struct due due;
	uint64_t asked_ms; /* clock_ms */
	bool edns;         /* the question has EDNS */
	struct resolver_query *query;
	struct pollfd pollfds[RESOLVER_POLLFDS];
	unsigned pollfd_count;
};

static struct running running[QUERIES]; /* in no order */
static unsigned running_count;
static const char *process_name;
/* The last one that could be read, because a client may have gone into a chroot. */
static struct resolvconf conf;
/* The last question that was answered was one without EDNS. */
static bool edns_in_vain;

void queries_read_conf(void)
{
	static struct resolvconf now;

	files_look();
	if (resolvconf_read(&now) || !conf.servers[0])
		conf = now;
}

void queries_begin(const char *client_name)
{
	running_count = 0;
	process_name = client_name;
}

bool queries_any(void)
{
	return running_count > 0;
}

static unsigned running_for(uint32_t service)
{
	unsigned count = 0;

	for (unsigned i = 0; i < running_count; i++)
		count += running[i].due.service == service;
	return count;
}

/* Ends a query; the last one of the array is in its place then. */
static void end_query(struct running *ended)
{
	resolver_end(ended->query);
	*ended = running[--running_count];
}

/* Ends the second oldest query for a service, of which there are at least two. */
static void end_second_oldest(uint32_t service)
{
	struct running *oldest = NULL, *second = NULL;

	for (struct running *query = running; query < running + running_count; query++) {
		if (query->due.service != service)
			continue;
		if (!oldest || query->asked_ms < oldest->asked_ms) {
			second = oldest;
			oldest = query;
		} else if (!second || query->asked_ms < second->asked_ms) {
			second = query;
		}
	}
	end_query(second);
}

/* Makes room for one query more; returns false if there is none to be had.
 *
 * A name is asked again at every interval even while earlier questions are unanswered, so that a
 * server that comes back is noticed within one interval. Beyond QUERIES_OF_ONE per name the second
 * oldest is dropped: the oldest may still be answered late, and the newest reach a server that has
 * come back. If there are QUERIES in all, one of the name with the most of them is dropped. */
static bool make_room(uint32_t service)
{
	unsigned most = running_for(service);

	for (unsigned i = 0; i < running_count && running_count == QUERIES; i++) {
		unsigned count = running_for(running[i].due.service);

		if (count > most) {
			most = count;
			service = running[i].due.service;
		}
	}
	if (most < QUERIES_OF_ONE && running_count < QUERIES)
		return true;
	if (most < 2)
		return false;
	end_second_oldest(service);
	return true;
}

/* Asks DNS for what is due. Questions with EDNS may vanish on the way, and libc asks without: so
 * where the question before has no answer yet, this one is asked the other way. `no-aaaa` is not
 * heeded where this libc does not heed it either, and has handed out IPv6 addresses. */
static struct resolver_query *ask(const struct due *due, struct running *next)
{
	uint32_t unanswered =
		atomic_load_explicit(&service_state[due->service].unanswered, memory_order_relaxed);
	struct resolvconf way = conf;

	next->edns = (unanswered % 2 == 1) == edns_in_vain;
	way.edns = next->edns;
	way.any_owner = libc_is_musl();
	way.no_aaaa = conf.no_aaaa && !(due->pools & FAMILY_BIT(FAMILY_V6));
	return resolver_start(due->name.text, due->absolute, due->families, &way, QUERIES_MS);
}

uint64_t queries_start(uint64_t now_ms)
{
	uint64_t due_ms = UINT64_MAX;
	uint32_t service = 0;
	struct due due;
	bool read = false;

	if (!conf.servers[0])
		queries_read_conf();
	while (due_next(&service, now_ms, &due_ms, &due)) {
		struct running *next;

		if (!make_room(due.service))
			continue;
		next = &running[running_count];
		if (!read) {
			queries_read_conf();
			shared_check();
		}
		read = true;
		next->query = ask(&due, next);
		if (!next->query) {
			due_ms = now_ms + config.refresh_ms + 1000; /* no memory */
			break;
		}
		next->due = due;
		next->asked_ms = now_ms;
		running_count++;
		due_asked(&due, now_ms);
	}
	return due_ms;
}

/* Ends the older questions for the same service, because their answers must not overwrite this
 * newer one. */
static void end_older(const struct running *answered)
{
	uint32_t service = answered->due.service;
	uint64_t asked_ms = answered->asked_ms;

	for (unsigned i = 0; i < running_count;) {
		if (running[i].due.service == service && running[i].asked_ms < asked_ms)
			end_query(&running[i]);
		else
			i++;
	}
}

static bool has_failed(const struct answer *answer)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome != DNS_NOT_ASKED &&
		    answer->family[f].outcome != DNS_FAILED)
			return false;
	return true;
}

/* Takes in the answer of a query and ends it. */
static void finish(struct running *done)
{
	struct running answered = *done;
	const struct answer *answer = resolver_answer(answered.query);

	*done = running[--running_count]; /* another one is in its place now */
	if (log_wants(LOG_DEBUG))
		log_line(LOG_DEBUG, answered.due.name.text, ": DNS answered ", answer->absolute,
		         NULL);
	while (!learn_from_dns(&answered.due, answer))
		futex_sleep(BUSY_MS);
	if (!has_failed(answer)) {
		edns_in_vain = !answered.edns;
		end_older(&answered);
	}
	resolver_end(answered.query);
	counters_process(clock_ms(), process_name);
}

/* Waits for the sockets of all queries, and fills in their pollfds. */
static void wait_for_answers(int timeout_ms)
{
	struct pollfd pollfds[running_count * RESOLVER_POLLFDS + 1];
	unsigned total = 0;
	struct timespec time;

	for (unsigned i = 0; i < running_count; i++) {
		running[i].pollfd_count =
			resolver_pollfds(running[i].query, running[i].pollfds, &timeout_ms);
		for (unsigned k = 0; k < running[i].pollfd_count; k++)
			pollfds[total++] = running[i].pollfds[k];
	}
	if (timeout_ms < 0)
		timeout_ms = 0;
	time = (struct timespec){.tv_sec = timeout_ms / 1000,
	                         .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
	if (kernel_call(SYS_ppoll, pollfds, total, &time, NULL, SIGNAL_SET_SIZE) < 0) {
		futex_sleep(BUSY_MS);
		for (unsigned i = 0; i < total; i++)
			pollfds[i].revents = pollfds[i].events; /* the sockets do not block */
	}
	total = 0;
	for (unsigned i = 0; i < running_count; i++)
		for (unsigned k = 0; k < running[i].pollfd_count; k++)
			running[i].pollfds[k] = pollfds[total++];
}

void queries_step(int timeout_ms)
{
	wait_for_answers(timeout_ms);
	for (unsigned i = 0; i < running_count;) {
		if (resolver_step(running[i].query, running[i].pollfds, running[i].pollfd_count))
			finish(&running[i]); /* another one is in its place now */
		else
			i++;
	}
}

void queries_drop(void)
{
	while (running_count)
		resolver_end(running[--running_count].query);
}

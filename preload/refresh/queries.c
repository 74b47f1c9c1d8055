/* State: the queries, the resolv.conf that they go by, and the name that the process is counted
 * under. All are the refresh thread's own, but that resolv.conf may be read before it starts. */
#include "refresh/queries.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/futex.h"
#include "base/log.h"
#include "dns/resolvconf.h"
#include "dns/resolver.h"
#include "learn/from_dns.h"
#include "refresh/due.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	QUERIES = 64,       /* under way at the same time */
	QUERIES_OF_ONE = 4, /* of them for one name, asked for at every interval */
	BUSY_MS = 1,        /* before the directory is tried again */
	SIGNAL_SET_SIZE = 8 /* of the kernel's sigset_t */
};

struct running {
	struct due due;
	uint64_t asked_ms;
	struct resolver_query *query;
	struct pollfd pollfds[RESOLVER_POLLFDS];
	unsigned pollfd_count;
};

static struct running running[QUERIES];
static unsigned running_count;
static const char *process_name;
static struct resolvconf
	conf; /* the last one that could be read: a client may have gone into a chroot */

void queries_read_conf(void)
{
	static struct resolvconf now;

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

static void end_query(struct running *at)
{
	resolver_end(at->query);
	*at = running[--running_count];
}

/* Of at least two. */
static void end_second_oldest(uint32_t service)
{
	struct running *oldest = NULL, *second = NULL;

	for (struct running *at = running; at < running + running_count; at++) {
		if (at->due.service != service)
			continue;
		if (!oldest || at->asked_ms < oldest->asked_ms) {
			second = oldest;
			oldest = at;
		} else if (!second || at->asked_ms < second->asked_ms) {
			second = at;
		}
	}
	end_query(second);
}

/* A name is asked for again whether or not there was an answer: DNS that was silent is heard within
 * an interval of its being back. Where that makes too many queries, the oldest still has all of its
 * time for an answer that is late, and the newest are what a server that is back will answer. */
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
		next->query = resolver_start(due.name.text, due.absolute, due.families, &conf,
		                             QUERIES_MS);
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

/* What was asked before is not to be heard after this. */
static void end_older(const struct running *answered)
{
	uint32_t service = answered->due.service;
	uint64_t asked_ms = answered->asked_ms;

	for (unsigned i = 0; i < running_count;) {
		if (running[i].due.service == service && running[i].asked_ms < asked_ms)
			end_query(&running[i]); /* another one is in its place now */
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

/* Takes in the answer and ends the query. */
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
	if (!has_failed(answer))
		end_older(&answered);
	resolver_end(answered.query);
	counters_process(clock_ms(), process_name);
}

/* Fills in their pollfds. */
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
	/* The raw call: poll(3) is a cancellation point, and clients hook it. */
	if (syscall(SYS_ppoll, pollfds, total, &time, NULL, SIGNAL_SET_SIZE) < 0) {
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

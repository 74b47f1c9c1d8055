#include "report/report.h"

#include "balance/ejection.h"
#include "base/clock.h"
#include "shared/read.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Names */

static int compare_names(const void *a, const void *b)
{
	const struct report_name *one = a, *other = b;

	return strcmp(one->text.text, other->text.text);
}

static uint32_t find_name(const struct report *report, uint64_t hash)
{
	uint32_t i = 0;

	while (i < report->name_count && report->names[i].hash != hash)
		i++;
	return i;
}

static void take_name(struct report_name *to, const struct read_name *from, uint64_t now_ms)
{
	*to = (struct report_name){.text = from->text,
	                           .hash = from->hash,
	                           .absolute_hash = from->absolute,
	                           .order = from->order,
	                           .refreshed = from->refreshed_ms,
	                           .refreshed_ms = clock_since(from->refreshed_ms, now_ms),
	                           .answered = from->good_ms,
	                           .answered_ms = clock_since(from->good_ms, now_ms),
	                           .outcome = from->outcome,
	                           .interval_ms = from->interval_ms,
	                           .ttl_s = from->ttl_s,
	                           .refreshes = from->refreshes,
	                           .refresh_failures = from->refresh_failures,
	                           .changes = from->changes};
	memcpy(to->endpoints, from->endpoints, sizeof(to->endpoints));
	memcpy(to->passed, from->passed, sizeof(to->passed));
}

static void take_names(struct report *report, uint64_t now_ms)
{
	struct read_name from;

	for (uint32_t i = 0; i < SHARED_NAMES; i++)
		if (read_name(i, &from))
			take_name(&report->names[report->name_count++], &from, now_ms);
	qsort(report->names, report->name_count, sizeof(report->names[0]), compare_names);
	for (uint32_t i = 0; i < report->name_count; i++) {
		uint64_t hash = report->names[i].absolute_hash;
		uint32_t place = hash ? find_name(report, hash) : i;

		report->names[i].absolute = place < report->name_count ? place : i;
	}
}

/* Makes each name that is not short for an absolute one absolute, because the memory may hold
 * chains, and adds to absolute names what is only known of their aliases. */
static void settle_aliases(struct report *report)
{
	for (uint32_t i = 0; i < report->name_count; i++) {
		struct report_name *alias = &report->names[i];
		struct report_name *absolute = &report->names[alias->absolute];

		if (absolute->absolute != alias->absolute) {
			alias->absolute = i;
		} else if (absolute != alias) {
			for (int r = 0; r < LEAVE_COUNT; r++)
				absolute->passed[r] += alias->passed[r];
			if (absolute->order == MODE_ORDER_NONE)
				absolute->order = alias->order;
		}
	}
}

/* ---- Endpoints */

static int compare_endpoints(const void *a, const void *b)
{
	const struct report_endpoint *one = a, *other = b;

	if (one->name != other->name)
		return one->name < other->name ? -1 : 1;
	if (one->port != other->port)
		return one->port < other->port ? -1 : 1;
	return address_compare(one->address, other->address);
}

static void take_endpoint(struct report *report, const struct read_endpoint *from, uint64_t now_ms)
{
	uint32_t name = find_name(report, from->name);

	if (name == report->name_count)
		return;
	report->endpoints[report->endpoint_count++] =
		(struct report_endpoint){.name = report->names[name].absolute,
	                                 .address = from->address,
	                                 .port = from->port,
	                                 .connections = from->kept + from->rewritten,
	                                 .rewritten = from->rewritten,
	                                 .failures = from->failures,
	                                 .retries = from->retries,
	                                 .idle_ms = clock_since(from->used_ms, now_ms)};
}

static void add_endpoint(struct report_endpoint *to, const struct report_endpoint *from)
{
	to->connections += from->connections;
	to->rewritten += from->rewritten;
	to->failures += from->failures;
	to->retries += from->retries;
	if (from->idle_ms < to->idle_ms)
		to->idle_ms = from->idle_ms;
}

/* Sorts the endpoints, and joins those that there are twice: of an alias and its absolute name, or
 * two tallies that were begun at the same moment. */
static void join_endpoints(struct report *report)
{
	struct report_endpoint *all = report->endpoints;
	uint32_t count = 0;

	qsort(all, report->endpoint_count, sizeof(all[0]), compare_endpoints);
	for (uint32_t i = 0; i < report->endpoint_count; i++) {
		if (count && !compare_endpoints(&all[count - 1], &all[i]))
			add_endpoint(&all[count - 1], &all[i]);
		else
			all[count++] = all[i];
	}
	report->endpoint_count = count;
}

static void take_endpoints(struct report *report, uint64_t now_ms)
{
	struct read_endpoint from;

	for (uint32_t i = 0; i < SHARED_TALLIES; i++)
		if (read_endpoint(i, &from))
			take_endpoint(report, &from, now_ms);
	join_endpoints(report);
	for (uint32_t i = 0; i < report->endpoint_count; i++) {
		struct report_endpoint *at = &report->endpoints[i];
		struct report_name *name = &report->names[at->name];
		uint64_t until_ms = ejection_until((struct peer){at->address, at->port}, now_ms);

		at->ejected = until_ms;
		at->ejected_ms = until_ms > now_ms ? until_ms - now_ms : 0;
		if (!name->seen++)
			name->first_seen = i;
		name->connections += at->connections;
		name->rewritten += at->rewritten;
		name->failures += at->failures;
		name->retries += at->retries;
	}
}

/* ---- Processes, and the last rewritten connections */

static int compare_processes(const void *a, const void *b)
{
	const struct report_process *one = a, *other = b;

	if (one->seen_ms != other->seen_ms)
		return one->seen_ms < other->seen_ms ? -1 : 1;
	return one->pid < other->pid ? -1 : one->pid > other->pid;
}

static void take_processes(struct report *report, uint64_t now_ms)
{
	struct read_process from;

	for (uint32_t i = 0; i < SHARED_PROCESSES; i++) {
		struct report_process *to = &report->processes[report->process_count];

		if (!read_process(i, &from))
			continue;
		*to = (struct report_process){.pid = from.pid,
		                              .pid_namespace = from.pid_namespace,
		                              .started_ms = from.started_ms,
		                              .age_ms = clock_since(from.started_ms, now_ms),
		                              .seen_ms = clock_since(from.seen_ms, now_ms),
		                              .refreshes = from.refreshes,
		                              .mode = from.mode};
		memcpy(to->name, from.name, sizeof(to->name));
		report->process_count++;
	}
	qsort(report->processes, report->process_count, sizeof(report->processes[0]),
	      compare_processes);
}

static void take_rewrites(struct report *report)
{
	uint64_t count = read_rewrite_count(), ahead_ms;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	ahead_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - clock_ms();
	for (uint32_t i = SHARED_REWRITES; i > 0; i--) {
		struct report_rewrite *to = &report->rewrites[report->rewrite_count];

		if (!read_rewrite(count - i, &to->rewrite))
			continue;
		to->at_ms = to->rewrite.at_ms + ahead_ms;
		to->name = find_name(report, to->rewrite.name);
		report->rewrite_count++;
	}
}

void report_take(struct report *report)
{
	uint64_t now_ms = clock_ms(), without_room_ms;

	/* Not all of the report, because most of its memory is never touched, and a node may have
	 * many of them. */
	memset(report, 0, offsetof(struct report, names));
	report->order = mode_get();
	report->without_room = read_without_room(&without_room_ms);
	report->without_room_ms = clock_since(without_room_ms, now_ms);
	take_names(report, now_ms);
	settle_aliases(report);
	take_endpoints(report, now_ms);
	take_processes(report, now_ms);
	take_rewrites(report);
}

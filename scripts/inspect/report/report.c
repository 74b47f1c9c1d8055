#include "report/report.h"

#include "balance/ejection.h"
#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

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

static void take_name(struct report_name *to, const struct shared_name *from, uint64_t now_ms)
{
	uint64_t refreshed_ms = load(&from->refreshed_ms), good_ms = load(&from->good_ms);

	to->refreshed = refreshed_ms;
	to->refreshed_ms = clock_since(refreshed_ms, now_ms);
	to->answered = good_ms;
	to->answered_ms = clock_since(good_ms, now_ms);
	to->outcome = (uint32_t)load(&from->outcome);
	to->interval_ms = load(&from->interval_ms);
	to->ttl_s = load(&from->ttl_s);
	to->refreshes = load(&from->refreshes);
	to->refresh_failures = load(&from->refresh_failures);
	to->changes = load(&from->changes);
	to->order = mode_get_name(from);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		to->endpoints[f] = (uint32_t)load(&from->endpoints[f]);
	for (int i = 0; i < LEAVE_COUNT; i++)
		to->passed[i] = load(&from->passed[i]);
}

static void take_names(struct report *report, uint64_t now_ms)
{
	const struct shared *in = shared();

	for (uint32_t i = 0; i < SHARED_NAMES; i++) {
		struct report_name *to = &report->names[report->name_count];

		*to = (struct report_name){.seen = 0};
		if (!counters_read_name(&in->names[i], &to->text))
			continue;
		to->hash = name_hash(&to->text);
		take_name(to, &in->names[i], now_ms);
		report->name_count++;
	}
	qsort(report->names, report->name_count, sizeof(report->names[0]), compare_names);
	for (uint32_t i = 0; i < report->name_count; i++) {
		const struct shared_name *from = counters_find(report->names[i].hash);
		uint64_t absolute = from ? load(&from->absolute) : 0;
		uint32_t place = absolute ? find_name(report, absolute) : i;

		report->names[i].absolute = place < report->name_count ? place : i;
	}
}

/* Whatever it says, an absolute name is its own: no chains. */
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

static void take_endpoint(struct report *report, const struct tally *from, uint64_t now_ms)
{
	struct report_endpoint *to = &report->endpoints[report->endpoint_count];
	uint64_t port_used = load(&from->port_used), hash = load(&from->name);
	uint32_t name = hash ? find_name(report, hash) : report->name_count;

	if (name == report->name_count)
		return;
	*to = (struct report_endpoint){
		.name = report->names[name].absolute,
		.address = {.high = load(&from->high), .low = load(&from->low)},
		.port = (uint32_t)port_used,
		.connections = load(&from->kept) + load(&from->rewritten),
		.rewritten = load(&from->rewritten),
		.failures = load(&from->failures),
		.retries = load(&from->retries),
		.idle_ms = clock_since((port_used >> 32) << 10, now_ms)};
	report->endpoint_count++;
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

/* Those of an alias and its absolute name, or two that were begun at the same moment. */
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
	const struct shared *in = shared();

	for (uint32_t i = 0; i < SHARED_TALLIES; i++)
		take_endpoint(report, &in->tallies[i], now_ms);
	join_endpoints(report);
	for (uint32_t i = 0; i < report->endpoint_count; i++) {
		struct report_endpoint *at = &report->endpoints[i];
		struct report_name *name = &report->names[at->name];
		uint64_t until_ms = ejection_until(at->address, at->port, now_ms);

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
	for (uint32_t i = 0; i < SHARED_PROCESSES; i++) {
		const struct shared_process *from = &shared()->processes[i];
		struct report_process *to = &report->processes[report->process_count];
		uint64_t words[2] = {load(&from->name[0]), load(&from->name[1])};

		*to = (struct report_process){.pid = load(&from->pid)};
		if (!to->pid)
			continue;
		to->pid_namespace = load(&from->pid_namespace);
		to->started_ms = load(&from->started_ms);
		to->age_ms = clock_since(to->started_ms, now_ms);
		to->seen_ms = clock_since(load(&from->seen_ms), now_ms);
		to->refreshes = load(&from->refreshes);
		to->mode = load(&from->mode) <= MODE_ON ? (enum config_mode)load(&from->mode)
		                                        : MODE_ON;
		memcpy(to->name, words, sizeof(words));
		report->process_count++;
	}
	qsort(report->processes, report->process_count, sizeof(report->processes[0]),
	      compare_processes);
}

static void take_recent(struct report *report)
{
	const struct shared *in = shared();
	uint64_t next = load(&in->recent_next), ahead_ms;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	ahead_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - clock_ms();
	for (uint32_t i = 0; i < SHARED_RECENT; i++) {
		struct report_recent *to = &report->recent[report->recent_count];

		if (!counters_read_recent(&in->recent[(next + i) % SHARED_RECENT], &to->rewrite))
			continue;
		to->at_ms = to->rewrite.at_ms + ahead_ms;
		to->name = find_name(report, to->rewrite.name);
		report->recent_count++;
	}
}

void report_take(struct report *report)
{
	uint64_t now_ms = clock_ms();

	/* Not all of it: most is never touched, and a node may have many. */
	memset(report, 0, offsetof(struct report, names));
	report->order = mode_get();
	take_names(report, now_ms);
	settle_aliases(report);
	take_endpoints(report, now_ms);
	take_processes(report, now_ms);
	take_recent(report);
}

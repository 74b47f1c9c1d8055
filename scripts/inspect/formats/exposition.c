#include "formats/exposition.h"

#include "base/peer.h"
#include "formats/words.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool exposition_add(struct exposition *exposition, const struct source *source,
                    struct report *report)
{
	struct exposed *more =
		realloc(exposition->exposed, (exposition->count + 1) * sizeof(*more));

	if (!more)
		return false;
	exposition->exposed = more;
	more[exposition->count++] = (struct exposed){.source = source, .report = report};
	return true;
}

void exposition_free(struct exposition *exposition)
{
	for (unsigned i = 0; i < exposition->count; i++)
		munmap(exposition->exposed[i].report, sizeof(struct report));
	free(exposition->exposed);
}

/* ---- Lines */

static void head(FILE *to, const char *metric, const char *type, const char *help)
{
	fprintf(to, "# HELP lbdns_%s %s\n# TYPE lbdns_%s %s\n", metric, help, metric, type);
}

/* Writes a label; of its value printable ASCII, with what the format wants escaped. *between is
 * what to write before it: "{" at first, "," after it. */
static void label(FILE *to, const char **between, const char *name, const char *value)
{
	char plain[CONFIG_NAME_SIZE];

	fprintf(to, "%s%s=\"", *between, name);
	*between = ",";
	words_plain(value, plain, sizeof(plain));
	for (const char *at = plain; *at; at++)
		fprintf(to, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
	fputc('"', to);
}

/* Begins a line: a metric, the labels of its source, and its name (NULL: it has none). */
static void series(FILE *to, const struct exposition *all, const struct exposed *of,
                   const char *metric, const char *name, const char **between)
{
	char number[24];

	*between = "{";
	fprintf(to, "lbdns_%s", metric);
	if (all->labelled) {
		snprintf(number, sizeof(number), "%" PRIu32, of->source->uid);
		label(to, between, "uid", number);
		label(to, between, "container", of->source->container);
		label(to, between, "pod_uid", of->source->pod);
		snprintf(number, sizeof(number), "%" PRIu64, of->source->ipc);
		label(to, between, "ipc_namespace", number);
	}
	if (name)
		label(to, between, "name", name);
}

/* Ends a line with its value. */
static void value(FILE *to, const char *between, uint64_t number)
{
	fprintf(to, "%s %" PRIu64 "\n", *between == ',' ? "}" : "", number);
}

/* Ends a line with its value, in seconds. */
static void value_ms(FILE *to, const char *between, uint64_t ms)
{
	fprintf(to, "%s %" PRIu64 ".%03u\n", *between == ',' ? "}" : "", ms / 1000,
	        (unsigned)(ms % 1000));
}

/* ---- Names */

static const struct name_metric {
	const char *metric, *type, *help;
	size_t place; /* of the value in struct report_name or report_endpoint; 0: a bool of it */
} name_metrics[] = {
	{"connections_total", "counter", "Connections that went to an endpoint of the name.",
         offsetof(struct report_name, connections)},
	{"rewritten_connections_total", "counter",
         "Connections that went to another endpoint than the client asked for.",
         offsetof(struct report_name, rewritten)},
	{"connection_failures_total", "counter", "Attempts to connect to an endpoint that failed.",
         offsetof(struct report_name, failures)},
	{"connection_retries_total", "counter",
         "Attempts to connect that followed a failed one at another endpoint.",
         offsetof(struct report_name, retries)},
	{"refreshes_total", "counter", "How often DNS was asked again.",
         offsetof(struct report_name, refreshes)},
	{"refresh_failures_total", "counter", "Refreshes that brought no addresses.",
         offsetof(struct report_name, refresh_failures)},
	{"pool_changes_total", "counter", "Refreshes that changed the endpoints.",
         offsetof(struct report_name, changes)},
	{"record_ttl_seconds", "gauge", "TTL of the last good answer.",
         offsetof(struct report_name, ttl_s)},
};

/* Calls each for every absolute name of all reports. */
static void each_name(FILE *to, const struct exposition *all,
                      void (*each)(FILE *, const struct exposition *, const struct exposed *,
                                   const struct report_name *, const void *),
                      const void *context)
{
	for (unsigned i = 0; i < all->count; i++) {
		const struct report *report = all->exposed[i].report;

		for (uint32_t n = 0; n < report->name_count; n++)
			if (report->names[n].absolute == n)
				each(to, all, &all->exposed[i], &report->names[n], context);
	}
}

static void name_counter(FILE *to, const struct exposition *all, const struct exposed *of,
                         const struct report_name *name, const void *context)
{
	const struct name_metric *metric = context;
	const char *between;

	series(to, all, of, metric->metric, name->text.text, &between);
	value(to, between, *(const uint64_t *)((const char *)name + metric->place));
}

static void name_passed(FILE *to, const struct exposition *all, const struct exposed *of,
                        const struct report_name *name, const void *metric)
{
	for (enum leave_reason why = 0; why < LEAVE_COUNT; why++) {
		const char *between;

		series(to, all, of, metric, name->text.text, &between);
		label(to, &between, "reason", leave_reason_text(why));
		value(to, between, name->passed[why]);
	}
}

static void name_endpoints(FILE *to, const struct exposition *all, const struct exposed *of,
                           const struct report_name *name, const void *metric)
{
	static const char families[FAMILY_COUNT][5] = {"ipv4", "ipv6"};

	for (enum family f = 0; name->refreshed && f < FAMILY_COUNT; f++) {
		const char *between;

		series(to, all, of, metric, name->text.text, &between);
		label(to, &between, "family", families[f]);
		value(to, between, name->endpoints[f]);
	}
}

static void name_ejected(FILE *to, const struct exposition *all, const struct exposed *of,
                         const struct report_name *name, const void *metric)
{
	const char *between;
	uint64_t ejected = 0;

	for (uint32_t i = 0; i < name->seen; i++)
		ejected += of->report->endpoints[name->first_seen + i].ejected;
	series(to, all, of, metric, name->text.text, &between);
	value(to, between, ejected);
}

static void name_age(FILE *to, const struct exposition *all, const struct exposed *of,
                     const struct report_name *name, const void *metric)
{
	const char *between;

	if (!name->answered)
		return;
	series(to, all, of, metric, name->text.text, &between);
	value_ms(to, between, name->answered_ms);
}

static void name_interval(FILE *to, const struct exposition *all, const struct exposed *of,
                          const struct report_name *name, const void *metric)
{
	const char *between;

	if (!name->refreshed)
		return;
	series(to, all, of, metric, name->text.text, &between);
	value_ms(to, between, name->interval_ms);
}

static void write_names(FILE *to, const struct exposition *all)
{
	for (size_t i = 0; i < sizeof(name_metrics) / sizeof(name_metrics[0]); i++) {
		head(to, name_metrics[i].metric, name_metrics[i].type, name_metrics[i].help);
		each_name(to, all, name_counter, &name_metrics[i]);
	}
	head(to, "passed_connections_total", "counter",
	     "Connections to a known address that were left alone, and why.");
	each_name(to, all, name_passed, "passed_connections_total");
	head(to, "endpoints", "gauge", "Endpoints of the name, by the last answer of DNS.");
	each_name(to, all, name_endpoints, "endpoints");
	head(to, "ejected_endpoints", "gauge",
	     "Endpoints (of each port) that are passed over because they failed.");
	each_name(to, all, name_ejected, "ejected_endpoints");
	head(to, "pool_age_seconds", "gauge", "Time since the last good answer of DNS.");
	each_name(to, all, name_age, "pool_age_seconds");
	head(to, "refresh_interval_seconds", "gauge", "Time between refreshes.");
	each_name(to, all, name_interval, "refresh_interval_seconds");
}

/* ---- Endpoints */

static const struct name_metric endpoint_metrics[] = {
	{"endpoint_connections_total", "counter", "Connections whose turn was at the endpoint.",
         offsetof(struct report_endpoint, connections)},
	{"endpoint_rewritten_connections_total", "counter",
         "Connections to the endpoint of clients that had asked for another one.",
         offsetof(struct report_endpoint, rewritten)},
	{"endpoint_connection_failures_total", "counter",
         "Attempts to connect to the endpoint that failed.",
         offsetof(struct report_endpoint, failures)},
	{"endpoint_connection_retries_total", "counter",
         "Attempts to connect to the endpoint after another one had failed.",
         offsetof(struct report_endpoint, retries)},
	{"endpoint_ejected", "gauge", "Is the endpoint passed over, because it failed?", 0},
};

static void endpoint_value(FILE *to, const struct exposition *all, const struct exposed *of,
                           const struct report_endpoint *at, const struct name_metric *metric)
{
	char address[ADDRESS_TEXT_SIZE], port[16];
	const char *between;

	series(to, all, of, metric->metric, of->report->names[at->name].text.text, &between);
	label(to, &between, "endpoint", address_text(at->address, address));
	snprintf(port, sizeof(port), "%u", at->port & UINT16_MAX);
	label(to, &between, "port", port);
	label(to, &between, "protocol", at->port & PEER_DATAGRAM ? "udp" : "tcp");
	value(to, between,
	      metric->place ? *(const uint64_t *)((const char *)at + metric->place) : at->ejected);
}

static void write_endpoints(FILE *to, const struct exposition *all)
{
	for (size_t m = 0; m < sizeof(endpoint_metrics) / sizeof(endpoint_metrics[0]); m++) {
		const struct name_metric *metric = &endpoint_metrics[m];

		head(to, metric->metric, metric->type, metric->help);
		for (unsigned i = 0; i < all->count; i++)
			for (uint32_t e = 0; e < all->exposed[i].report->endpoint_count; e++)
				endpoint_value(to, all, &all->exposed[i],
				               &all->exposed[i].report->endpoints[e], metric);
	}
}

/* ---- The rest */

static void orders_of(FILE *to, const struct exposition *all, const struct exposed *of,
                      const char *name, enum mode_order order)
{
	for (enum mode_order each = MODE_ORDER_NONE; each <= MODE_ORDER_ON; each++) {
		const char *between;

		series(to, all, of, "order", name, &between);
		label(to, &between, "order", words_order(each));
		value(to, between, each == order);
	}
}

static void write_orders(FILE *to, const struct exposition *all)
{
	head(to, "order", "gauge",
	     "What lbdns mode has ordered, for all names or for one: 1 for what holds.");
	for (unsigned i = 0; i < all->count; i++) {
		const struct report *report = all->exposed[i].report;

		orders_of(to, all, &all->exposed[i], NULL, report->order);
		for (uint32_t n = 0; n < report->name_count; n++)
			if (report->names[n].absolute == n &&
			    report->names[n].order != MODE_ORDER_NONE)
				orders_of(to, all, &all->exposed[i], report->names[n].text.text,
				          report->names[n].order);
	}
}

static void write_processes(FILE *to, const struct exposition *all)
{
	head(to, "processes", "gauge",
	     "Processes with a refresh thread that are not known to have ended.");
	for (unsigned i = 0; i < all->count; i++) {
		const struct report *report = all->exposed[i].report;
		uint64_t alive = 0;
		const char *between;

		for (uint32_t p = 0; p < report->process_count; p++)
			alive += report->processes[p].life != LIFE_ENDED;
		series(to, all, &all->exposed[i], "processes", NULL, &between);
		value(to, between, alive);
	}
}

static void write_without_room(FILE *to, const struct exposition *all)
{
	head(to, "lookups_without_room_total", "counter",
	     "Lookups not rotated, because their process had no room for more names.");
	for (unsigned i = 0; i < all->count; i++) {
		const char *between;

		series(to, all, &all->exposed[i], "lookups_without_room_total", NULL, &between);
		value(to, between, all->exposed[i].report->without_room);
	}
}

void exposition_write(FILE *to, const struct exposition *all)
{
	head(to, "build_info", "gauge", "The version of lbdns.");
	fprintf(to, "lbdns_build_info{version=\"%s\"} 1\n", LBDNS_VERSION);
	head(to, "scrape_errors", "gauge", "Segments of shared memory that could not be read.");
	fprintf(to, "lbdns_scrape_errors %u\n", all->errors);
	write_processes(to, all);
	write_orders(to, all);
	write_without_room(to, all);
	write_names(to, all);
	if (all->endpoints)
		write_endpoints(to, all);
}

#include "formats/status.h"

#include "base/peer.h"
#include "formats/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Writes ,"key":number; the others too, for a member that follows another one. */
static void number(const char *key, uint64_t value)
{
	printf(",\"%s\":%" PRIu64, key, value);
}

static void text(const char *key, const char *value)
{
	printf(",\"%s\":", key);
	words_json(stdout, value);
}

static void seconds(const char *key, bool known, uint64_t ms)
{
	if (known)
		printf(",\"%s\":%" PRIu64 ".%03u", key, ms / 1000, (unsigned)(ms % 1000));
	else
		printf(",\"%s\":null", key);
}

static void address(const char *key, struct address value)
{
	char written[ADDRESS_TEXT_SIZE];

	text(key, address_text(value, written));
}

static void port(uint32_t value)
{
	number("port", value & UINT16_MAX);
	text("protocol", value & PEER_DATAGRAM ? "udp" : "tcp");
}

static void endpoint(const struct report_endpoint *of)
{
	char written[ADDRESS_TEXT_SIZE];

	printf("{\"address\":\"%s\"", address_text(of->address, written));
	port(of->port);
	number("connections", of->connections);
	number("rewritten", of->rewritten);
	number("failures", of->failures);
	number("retries", of->retries);
	seconds("idle_seconds", true, of->idle_ms);
	printf(",\"passed_over\":%s", of->ejected ? "true" : "false");
	seconds("passed_over_seconds", of->ejected, of->ejected_ms);
	fputs("}", stdout);
}

static void passed(const struct report_name *name)
{
	fputs(",\"passed\":{", stdout);
	for (enum leave_reason why = 0; why < LEAVE_COUNT; why++)
		printf("%s\"%s\":%" PRIu64, why ? "," : "", leave_reason_text(why),
		       name->passed[why]);
	fputs("}", stdout);
}

static void aliases(const struct report *report, uint32_t place)
{
	bool some = false;

	fputs(",\"aliases\":[", stdout);
	for (uint32_t i = 0; i < report->name_count; i++) {
		if (i == place || report->names[i].absolute != place)
			continue;
		fputs(some ? "," : "", stdout);
		words_json(stdout, report->names[i].text.text);
		some = true;
	}
	fputs("]", stdout);
}

static void name(const struct report *report, uint32_t place)
{
	const struct report_name *of = &report->names[place];

	fputs("{\"name\":", stdout);
	words_json(stdout, of->text.text);
	aliases(report, place);
	text("order", words_order(of->order));
	text("outcome", words_outcome(of->refreshed ? of->outcome : 0));
	seconds("refreshed_seconds_ago", of->refreshed, of->refreshed_ms);
	seconds("answered_seconds_ago", of->answered, of->answered_ms);
	seconds("interval_seconds", of->refreshed, of->interval_ms);
	number("ttl_seconds", of->ttl_s);
	number("refreshes", of->refreshes);
	number("refresh_failures", of->refresh_failures);
	number("changes", of->changes);
	printf(",\"endpoints\":{\"v4\":%" PRIu32 ",\"v6\":%" PRIu32 "}", of->endpoints[FAMILY_V4],
	       of->endpoints[FAMILY_V6]);
	number("connections", of->connections);
	number("rewritten", of->rewritten);
	number("failures", of->failures);
	number("retries", of->retries);
	passed(of);
	fputs(",\"seen\":[", stdout);
	for (uint32_t i = 0; i < of->seen; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		endpoint(&report->endpoints[of->first_seen + i]);
	}
	fputs("]}", stdout);
}

static void process(const struct report_process *of)
{
	static const char lives[][8] = {"unknown", "alive", "ended"};

	printf("{\"pid\":%" PRIu64, of->pid);
	text("name", of->name);
	text("state", lives[of->life]);
	text("mode", words_mode(of->mode));
	number("refreshes", of->refreshes);
	seconds("first_refreshed_seconds_ago", true, of->age_ms);
	seconds("refreshed_seconds_ago", true, of->seen_ms);
	fputs("}", stdout);
}

static void recent(const struct report *report, const struct report_rewrite *of)
{
	char error[16], when[32];
	time_t at = (time_t)(of->at_ms / 1000);
	struct tm broken;

	if (!gmtime_r(&at, &broken) || !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &broken))
		when[0] = '\0';
	printf("{\"time\":\"%s.%03uZ\"", when, (unsigned)(of->at_ms % 1000));
	text("name", of->name < report->name_count ? report->names[of->name].text.text : "");
	address("asked", of->rewrite.asked);
	address("picked", of->rewrite.endpoint);
	port(of->rewrite.port);
	text("result", words_error(of->rewrite.result, error));
	fputs("}", stdout);
}

void status_json(const struct source *source, const struct report *report)
{
	const char *between = "\n";

	printf("{\"uid\":%" PRIu32, source->uid);
	text("container", source->container);
	text("pod_uid", source->pod);
	number("ipc_namespace", source->ipc);
	text("order", words_order(report->order));
	number("lookups_without_room", report->without_room);
	seconds("without_room_seconds_ago", report->without_room, report->without_room_ms);
	fputs(",\"names\":[", stdout);
	for (uint32_t i = 0; i < report->name_count; i++) {
		if (report->names[i].absolute != i)
			continue;
		fputs(between, stdout);
		name(report, i);
		between = ",\n";
	}
	fputs("],\"processes\":[", stdout);
	for (uint32_t i = 0; i < report->process_count; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		process(&report->processes[i]);
	}
	fputs("],\"recent\":[", stdout);
	for (uint32_t i = 0; i < report->rewrite_count; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		recent(report, &report->rewrites[i]);
	}
	fputs("]}", stdout);
}

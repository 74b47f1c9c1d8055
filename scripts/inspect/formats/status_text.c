#include "formats/status.h"

#include "base/peer.h"
#include "base/answer.h"
#include "directory/service.h"
#include "formats/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	WIDTH = 80,
	ADDRESS_WIDTH = 15, /* a longer address has a line of its own */
	PROCESSES_SHOWN = 20
};

static bool colours; /* as status_text was told */

static const char *bold(void)
{
	return colours ? "\033[1m" : "";
}

static const char *red(void)
{
	return colours ? "\033[31m" : "";
}

static const char *normal(void)
{
	return colours ? "\033[0m" : "";
}

/* ---- Words that follow each other, in lines of at most WIDTH columns */

struct flow {
	size_t column;
};

static void flow_word(struct flow *flow, const char *word)
{
	size_t length = strlen(word);

	if (!flow->column || flow->column + 1 + length > WIDTH) {
		printf("%s  ", flow->column ? "\n" : "");
		flow->column = 2;
	} else {
		fputc(' ', stdout);
		flow->column++;
	}
	fputs(word, stdout);
	flow->column += length;
}

static void flow_end(struct flow *flow)
{
	if (flow->column)
		fputc('\n', stdout);
	flow->column = 0;
}

/* ---- Names */

static void heading(const struct report *report, uint32_t place)
{
	const struct report_name *name = &report->names[place];
	char plain[CONFIG_NAME_SIZE], word[CONFIG_NAME_SIZE + 16];
	struct flow flow = {.column = 0};

	printf("%s%s%s\n", bold(), words_plain(name->text.text, plain, sizeof(plain)), normal());
	for (uint32_t i = 0; i < report->name_count; i++) {
		if (i == place || report->names[i].absolute != place)
			continue;
		words_plain(report->names[i].text.text, plain, sizeof(plain));
		snprintf(word, sizeof(word), "%s%s", flow.column ? "" : "asked for as ", plain);
		flow_word(&flow, word);
	}
	flow_end(&flow);
	if (name->order != MODE_ORDER_NONE)
		printf("  %sordered: %s%s\n", red(), words_order(name->order), normal());
}

static void refreshes(const struct report_name *name)
{
	char age[16], every[16], count[16], failed[16], good[16];

	if (!name->refreshed) {
		printf("  DNS not asked yet: clients that end early need no refresh\n");
		return;
	}
	printf("  %" PRIu32 " endpoints, refreshed %s ago (every %s, TTL %" PRIu64 "s)",
	       name->endpoints[FAMILY_V4] + name->endpoints[FAMILY_V6],
	       words_age(name->refreshed_ms, age), words_age(name->interval_ms, every),
	       name->ttl_s);
	printf(", %s times, %s failed\n", words_count(name->refreshes, count),
	       words_count(name->refresh_failures, failed));
	if (name->outcome == DNS_ADDRESSES)
		return;
	printf("  %slast refresh: %s%s; last good answer: ", red(), words_outcome(name->outcome),
	       normal());
	if (name->answered)
		printf("%s ago\n", words_age(name->answered_ms, good));
	else
		printf("none\n");
}

static void endpoint(const struct report_endpoint *of, uint64_t all)
{
	char address[ADDRESS_TEXT_SIZE], port[16], counts[4][16], age[16], left[16] = "";
	double share = all ? 100.0 * (double)of->connections / (double)all : 0;

	address_text(of->address, address);
	snprintf(port, sizeof(port), "%u%s", of->port & UINT16_MAX,
	         of->port & PEER_DATAGRAM ? "/udp" : "");
	if (strlen(address) > ADDRESS_WIDTH) {
		printf("  %s\n", address);
		address[0] = '\0';
	}
	printf("  %-15s %-9s %7s %5.1f%% %9s %6s %7s %5s", address, port,
	       words_count(of->connections, counts[0]), share,
	       words_count(of->rewritten, counts[1]), words_count(of->failures, counts[2]),
	       words_count(of->retries, counts[3]),
	       of->idle_ms < READ_USED_COARSE_MS ? "<16s" : words_age(of->idle_ms, age));
	if (of->ejected)
		printf(" %sout%s%s%s", red(), of->ejected_ms ? " " : "",
		       of->ejected_ms ? words_age(of->ejected_ms + 999, left) : "", normal());
	fputc('\n', stdout);
}

static void left_alone(const struct report_name *name)
{
	struct flow flow = {.column = 0};
	char word[64], count[16];

	for (enum leave_reason why = 0; why < LEAVE_COUNT; why++) {
		if (!name->passed[why])
			continue;
		snprintf(word, sizeof(word), "%s%s %s",
		         flow.column ? "| " : "left alone: ", leave_reason_text(why),
		         words_count(name->passed[why], count));
		flow_word(&flow, word);
	}
	flow_end(&flow);
}

static void name(const struct report *report, uint32_t place)
{
	const struct report_name *of = &report->names[place];
	uint64_t all = 0;

	heading(report, place);
	refreshes(of);
	if (of->seen)
		printf("  %-15s %-9s %7s %6s %9s %6s %7s %5s\n", "ENDPOINT", "PORT", "CONNS",
		       "SHARE", "REWRITTEN", "FAILED", "RETRIES", "LAST");
	for (uint32_t i = 0; i < of->seen; i++) {
		const struct report_endpoint *at = &report->endpoints[of->first_seen + i];

		/* Shares are of a port's connections: each port rotates by itself. */
		if (!i || at->port != at[-1].port) {
			all = 0;
			for (uint32_t k = i; k < of->seen && at[k - i].port == at->port; k++)
				all += at[k - i].connections;
		}
		endpoint(at, all);
	}
	left_alone(of);
}

/* ---- The rest */

/* Tells of names beyond those that a process has room for. */
static void without_room(const struct report *report)
{
	char count[16], age[16];

	if (report->without_room)
		printf("%smore than %d names in a process: %s lookups not rotated, last %s "
		       "ago%s\n"
		       "  LBDNS_NAMES or LBDNS_EXCLUDE say which names matter\n\n",
		       red(), SERVICES, words_count(report->without_room, count),
		       words_age(report->without_room_ms, age), normal());
}

static void processes(const struct report *report)
{
	static const char lives[][8] = {" ?", "", " ended"};
	uint32_t ended = 0, shown = 0;
	char plain[17], count[16], age[16];

	for (uint32_t i = 0; i < report->process_count; i++) {
		const struct report_process *at = &report->processes[i];

		if (at->life == LIFE_ENDED) {
			ended++;
			continue;
		}
		if (!shown++)
			printf("%s%-8s %-16s %-8s %9s %13s%s\n", bold(), "PID", "PROCESS", "MODE",
			       "REFRESHES", "LAST REFRESH", normal());
		if (shown <= PROCESSES_SHOWN)
			printf("%-8" PRIu64 " %-16s %-8s %9s %13s%s\n", at->pid,
			       words_plain(at->name, plain, sizeof(plain)), words_mode(at->mode),
			       words_count(at->refreshes, count), words_age(at->seen_ms, age),
			       lives[at->life]);
	}
	if (shown > PROCESSES_SHOWN)
		printf("and %u more\n", shown - PROCESSES_SHOWN);
	if (!shown)
		printf("No process refreshes now%s.\n", ended ? "; those that did have ended" : "");
}

static void recent(const struct report *report)
{
	for (uint32_t i = 0; i < report->rewrite_count; i++) {
		const struct report_rewrite *at = &report->rewrites[i];
		char asked[ADDRESS_TEXT_SIZE], picked[ADDRESS_TEXT_SIZE], error[16], when[16],
			plain[CONFIG_NAME_SIZE] = "?";
		time_t seconds = (time_t)(at->at_ms / 1000);
		struct tm broken;
		bool good = !at->rewrite.result || at->rewrite.result == EINPROGRESS;
		int used;

		if (!localtime_r(&seconds, &broken) ||
		    !strftime(when, sizeof(when), "%H:%M:%S", &broken))
			snprintf(when, sizeof(when), "?");
		if (at->name < report->name_count)
			words_plain(report->names[at->name].text.text, plain, sizeof(plain));
		used = printf("%s.%03u %s -> %s:%u ", when, (unsigned)(at->at_ms % 1000),
		              address_text(at->rewrite.asked, asked),
		              address_text(at->rewrite.endpoint, picked),
		              at->rewrite.port & UINT16_MAX);
		fputs(good ? "" : red(), stdout);
		used += printf("%s", words_error(at->rewrite.result, error));
		fputs(good ? "" : normal(), stdout);
		/* `lbdns status` shows what does not fit of the name. */
		if (used + 2 < WIDTH)
			printf(" %.*s", WIDTH - used - 1, plain);
		fputc('\n', stdout);
	}
	if (!report->rewrite_count)
		printf("No connection was rewritten yet.\n");
}

void status_text(const struct source *source, const struct report *report, bool only_recent,
                 bool colour)
{
	const char *between = "";

	colours = colour;
	if (source->container[0] || source->pid)
		printf("%suser %" PRIu32 "%s%s%s%s\n", bold(), source->uid,
		       source->container[0] ? ", container " : "", source->container,
		       source->container[0] ? "" : ", namespaces of another process", normal());
	if (report->order != MODE_ORDER_NONE)
		printf("%sordered for all names: %s%s\n", red(), words_order(report->order),
		       normal());
	if (only_recent) {
		recent(report);
		return;
	}
	without_room(report);
	for (uint32_t i = 0; i < report->name_count; i++) {
		if (report->names[i].absolute != i)
			continue;
		fputs(between, stdout);
		name(report, i);
		between = "\n";
	}
	if (!*between)
		printf("No name is managed yet.\n");
	fputc('\n', stdout);
	processes(report);
}

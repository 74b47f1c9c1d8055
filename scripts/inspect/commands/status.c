#include "commands/commands.h"

#include "commands/options.h"
#include "formats/status.h"
#include "programs/before.h"
#include "programs/loaded.h"
#include "report/complain.h"
#include "report/processes.h"
#include "report/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
	"Usage: lbdns status [options]\n"
	"\n"
	"Shows the names whose connections rotate, for all clients of this user: each\n"
	"endpoint's connections, its share, failures and whether it is passed over; when\n"
	"DNS was last asked; what was left alone and why; and the processes that refresh.\n"
	"\n"
	"  --recent      the last 64 rewritten connections, the newest last\n"
	"  --watch       again every second, in place on a terminal\n"
	"  --json        all of it, in JSON\n"
	"  --pid PID     the clients of the user and IPC namespace of this process\n"
	"  --all         those of all users and containers (as root)\n"
	"\n"
	"Exit status: 0 shown; 1 there is nothing to show, or it may not be looked at;\n"
	"2 wrong use.\n";

struct status {
	struct targets targets;
	bool recent, watch, json;
	struct report *report; /* the one that is being shown */
};

static bool has_colour(void)
{
	const char *terminal = getenv("TERM"), *none = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(none && *none) && terminal && strcmp(terminal, "dumb");
}

/* Names the running clients of a user whose calls are another library's first: what that keeps from
 * us is not counted. */
static void show_passed_by(uint32_t uid)
{
	struct process_list *list = processes_list();
	char why[LOADED_WHY], path[32], line[PROCESS_LINE];
	struct stat owner;

	for (unsigned i = 0; list && i < list->count; i++) {
		snprintf(path, sizeof(path), "/proc/%d", (int)list->pids[i]);
		if (!stat(path, &owner) && owner.st_uid == uid &&
		    process_has_library(list->pids[i], line) &&
		    before_in_process(list->pids[i], why, sizeof(why)))
			complain("process %d: %s", (int)list->pids[i], why);
	}
	free(list);
}

/* Shows all sources that have shared memory, and returns how many those are. */
static unsigned show_sources(const struct status *status, const struct source *sources,
                             unsigned count)
{
	unsigned shown = 0;

	for (unsigned i = 0; i < count; i++) {
		if (source_report(&sources[i], status->report)) {
			/* With --all, most have none. */
			if (!status->targets.all || errno != ENOENT)
				source_complain(&sources[i]);
			if (!sources[i].pid)
				show_passed_by(sources[i].uid);
			continue;
		}
		if (shown++)
			fputs(status->json ? ",\n" : "\n", stdout);
		if (status->json)
			status_json(&sources[i], status->report);
		else
			status_text(&sources[i], status->report, status->recent, has_colour());
		if (!sources[i].pid)
			show_passed_by(sources[i].uid);
	}
	return shown;
}

static int show(const struct status *status)
{
	unsigned count, shown;
	struct source *sources = sources_find(&status->targets, &count);

	if (!sources)
		return FAILED;
	if (status->json)
		fputs("{\"version\":\"" LBDNS_VERSION "\",\"users\":[", stdout);
	shown = show_sources(status, sources, count);
	if (status->json)
		fputs("]}\n", stdout);
	else if (!shown && status->targets.all)
		complain("no client of any user has used lbdns");
	free(sources);
	return shown ? DONE : FAILED;
}

/* Shows the status every second; on a terminal from its top, and clears what is left of the last
 * time. */
static int watch(const struct status *status)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (terminal)
		fputs("\033[2J", stdout);
	for (;;) {
		if (terminal)
			fputs("\033[H", stdout);
		show(status);
		fputs(terminal ? "\033[J" : "\n", stdout);
		if (fflush(stdout))
			return FAILED;
		sleep(1);
	}
}

int status_main(int count, char **arguments)
{
	struct status status = {.recent = false};
	const struct own_option own[] = {{"recent", &status.recent, NULL},
	                                 {"watch", &status.watch, NULL},
	                                 {"json", &status.json, NULL},
	                                 {NULL, NULL, NULL}};
	const struct options options = {.help = HELP, .own = own, .targets = &status.targets};
	int end = options_read_all(count, arguments, &options);

	if (end != OPTIONS_READ)
		return end;
	status.report = source_memory(sizeof(*status.report));
	if (!status.report)
		return FAILED;
	return status.watch ? watch(&status) : show(&status);
}

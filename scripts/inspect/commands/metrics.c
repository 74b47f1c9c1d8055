#include "commands/commands.h"

#include "commands/options.h"
#include "formats/exposition.h"
#include "net/http.h"
#include "report/complain.h"
#include "report/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
	"Usage: lbdns metrics [options]\n"
	"\n"
	"Writes what the clients of this user do as metrics for Prometheus.\n"
	"\n"
	"  --endpoints       each endpoint's too: as many series as there are endpoints\n"
	"  --textfile PATH   into that file at once, for the node exporter's collector\n"
	"  --listen WHERE    serves /metrics on 127.0.0.1:9464 or [::1]:9464\n"
	"  --pid PID         the clients of the user and IPC namespace of this process\n"
	"  --all             those of all users and containers, labelled (as root)\n"
	"\n"
	"Exit status: 0 written, even if no client has used lbdns yet; 1 it cannot be\n"
	"read or written; 2 wrong use.\n";

struct metrics {
	struct targets targets;
	bool endpoints;                /* --endpoints */
	bool unreadable;               /* some shared memory could not be read */
	const char *textfile, *listen; /* values of these options; NULL: not given */
};

/* Writes the metrics, and sets unreadable if some memory could not be read. A source that nobody
 * has used lbdns in has nothing to say, which is no error. */
static void write_metrics(FILE *to, void *context)
{
	struct metrics *metrics = context;
	struct exposition all = {.labelled = metrics->targets.all, .endpoints = metrics->endpoints};
	unsigned count;
	struct source *sources = sources_find(&metrics->targets, &count);

	metrics->unreadable = !sources;
	for (unsigned i = 0; sources && i < count; i++) {
		struct report *report = source_memory(sizeof(*report));
		int status = report ? source_report(&sources[i], report) : -1;

		if (!status && exposition_add(&all, &sources[i], report))
			continue;
		if (!report || errno != ENOENT) {
			all.errors++;
			if (report)
				source_complain(&sources[i]);
		}
		if (report)
			munmap(report, sizeof(*report));
	}
	metrics->unreadable = metrics->unreadable || all.errors;
	exposition_write(to, &all);
	exposition_free(&all);
	free(sources);
}

/* Writes the metrics into a file, by renaming: whoever reads it sees all of them, or what was there
 * before. The name does not end in .prom until the file is whole, because the collector takes no
 * other. */
static int write_file(struct metrics *metrics)
{
	char path[4096];
	int fd = -1, error;
	FILE *file = NULL;

	if (snprintf(path, sizeof(path), "%s.XXXXXX", metrics->textfile) < (int)sizeof(path))
		fd = mkstemp(path);
	else
		errno = ENAMETOOLONG;
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (file) {
		write_metrics(file, metrics);
		/* The node exporter is another user. */
		error = ferror(file) || fchmod(fd, 0644);
		if (!fclose(file) && !error && !rename(path, metrics->textfile))
			return metrics->unreadable ? FAILED : DONE;
	}
	complain("--textfile %s: %s", metrics->textfile, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return FAILED;
}

static int write_out(struct metrics *metrics)
{
	write_metrics(stdout, metrics);
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", strerror(errno));
		return FAILED;
	}
	return metrics->unreadable ? FAILED : DONE;
}

int metrics_main(int count, char **arguments)
{
	struct metrics metrics = {.endpoints = false};
	const struct own_option own[] = {{"endpoints", &metrics.endpoints, NULL},
	                                 {"textfile", NULL, &metrics.textfile},
	                                 {"listen", NULL, &metrics.listen},
	                                 {NULL, NULL, NULL}};
	const struct options options = {.help = HELP, .own = own, .targets = &metrics.targets};
	int end = options_read_all(count, arguments, &options);

	if (end != OPTIONS_READ)
		return end;
	if (metrics.textfile && metrics.listen) {
		complain("metrics: --textfile or --listen, not both");
		return WRONG_USE;
	}
	if (metrics.listen)
		return http_serve(metrics.listen, write_metrics, &metrics);
	return metrics.textfile ? write_file(&metrics) : write_out(&metrics);
}

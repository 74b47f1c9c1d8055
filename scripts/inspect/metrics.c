#include "exposition.h"
#include "http.h"
#include "inspect.h"
#include "source.h"

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
	bool endpoints, unreadable;
	const char *textfile, *listen;
};

/* Where nobody has used lbdns, there is nothing to say, and that is no error. */
static void write_metrics(FILE *to, void *context)
{
	struct metrics *metrics = context;
	struct exposition all = {.labelled = metrics->targets.all, .endpoints = metrics->endpoints};
	unsigned count;
	struct source *sources = sources_find(&metrics->targets, &count);

	metrics->unreadable = !sources;
	for (unsigned i = 0; sources && i < count; i++) {
		struct picture *picture = source_memory(sizeof(*picture));
		int status = picture ? source_picture(&sources[i], picture) : -1;

		if (!status && exposition_add(&all, &sources[i], picture))
			continue;
		if (!picture || errno != ENOENT) {
			all.errors++;
			if (picture)
				source_complain(&sources[i]);
		}
		if (picture)
			munmap(picture, sizeof(*picture));
	}
	metrics->unreadable = metrics->unreadable || all.errors;
	exposition_write(to, &all);
	exposition_free(&all);
	free(sources);
}

/* Whoever reads it sees all of it, or what was there before. The name does not end in .prom until
 * it is whole: the collector takes no other. */
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
	static const struct option options[] = {{"endpoints", no_argument, NULL, 'e'},
	                                        {"textfile", required_argument, NULL, 't'},
	                                        {"listen", required_argument, NULL, 'l'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        TARGET_OPTIONS,
	                                        {NULL, 0, NULL, 0}};
	struct metrics metrics = {.endpoints = false};
	int option;

	while ((option = next_option(count, arguments, options)) != -1) {
		if (option == 'e')
			metrics.endpoints = true;
		else if (option == 't')
			metrics.textfile = optarg;
		else if (option == 'l')
			metrics.listen = optarg;
		else if (option == 'h')
			return fputs(HELP, stdout) < 0;
		else if (option == '?' || !target_option(&metrics.targets, option))
			return WRONG_USE;
	}
	if (optind < count) {
		complain("metrics takes no %s; try lbdns metrics --help", arguments[optind]);
		return WRONG_USE;
	}
	if (metrics.textfile && metrics.listen) {
		complain("metrics: --textfile or --listen, not both");
		return WRONG_USE;
	}
	if (metrics.listen)
		return http_serve(metrics.listen, write_metrics, &metrics);
	return metrics.textfile ? write_file(&metrics) : write_out(&metrics);
}

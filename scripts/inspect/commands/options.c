#include "commands/options.h"

#include "report/complain.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OWN = 256,         /* getopt_long returns OWN + i for own[i] */
	PID_MAX = 4 << 20, /* of Linux on 64 bits (proc(5), pid_max) */
};

static const struct option COMMON[] = {{"pid", required_argument, NULL, 'p'},
                                       {"all", no_argument, NULL, 'a'},
                                       {"help", no_argument, NULL, 'h'},
                                       {NULL, 0, NULL, 0}};

static bool pid_read(struct targets *targets, const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || end == text || pid < 1 || pid > PID_MAX) {
		complain("--pid %s: use the number of a process", text);
		return false;
	}
	targets->pid = (int)pid;
	return true;
}

/* Takes one option that getopt_long has found. Returns as options_read. */
static int option_take(int option, char **arguments, const struct options *options)
{
	switch (option) {
	case 'p':
		return pid_read(options->targets, optarg) ? OPTIONS_READ : WRONG_USE;
	case 'a':
		options->targets->all = true;
		return OPTIONS_READ;
	case 'h':
		return fputs(options->help, stdout) < 0 ? FAILED : DONE;
	case ':':
		complain("%s needs a value", arguments[optind - 1]);
		return WRONG_USE;
	case '?':
		complain("unknown option %s; try lbdns %s --help", arguments[optind - 1],
		         arguments[0]);
		return WRONG_USE;
	}
	if (optarg)
		*options->own[option - OWN].value = optarg;
	else
		*options->own[option - OWN].given = true;
	return OPTIONS_READ;
}

int options_read(int count, char **arguments, const struct options *options)
{
	struct option known[OPTIONS_OWN + sizeof(COMMON) / sizeof(COMMON[0])];
	int own = 0, option, status = OPTIONS_READ;

	for (; own < OPTIONS_OWN && options->own[own].name; own++)
		known[own] = (struct option){.name = options->own[own].name,
		                             .has_arg = options->own[own].value ? required_argument
		                                                                : no_argument,
		                             .val = OWN + own};
	memcpy(known + own, COMMON, sizeof(COMMON));
	opterr = 0;
	/* '+': the first argument that is no option ends them, as a program's own may follow it. */
	while (status == OPTIONS_READ &&
	       (option = getopt_long(count, arguments, "+:", known, NULL)) != -1)
		status = option_take(option, arguments, options);
	return status;
}

int options_read_all(int count, char **arguments, const struct options *options)
{
	int status = options_read(count, arguments, options);

	if (status != OPTIONS_READ || optind == count)
		return status;
	complain("%s takes no %s; try lbdns %s --help", arguments[0], arguments[optind],
	         arguments[0]);
	return WRONG_USE;
}

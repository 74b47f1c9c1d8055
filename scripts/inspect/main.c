#include "inspect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*main)(int, char **);
} commands[] = {
	{"status", status_main}, {"mode", mode_main},   {"metrics", metrics_main},
	{"check", check_main},   {"judge", judge_main}, /* for lbdns run: LIBRARY COMMAND */
};

void complain(const char *format, ...)
{
	va_list arguments;

	fputs("lbdns: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

int next_option(int count, char **arguments, const struct option *options)
{
	int option;

	opterr = 0;
	option = getopt_long(count, arguments, "+:", options, NULL);
	if (option == ':')
		complain("%s needs a value", arguments[optind - 1]);
	else if (option == '?')
		complain("unknown option %s; try lbdns %s --help", arguments[optind - 1],
		         arguments[0]);
	return option == ':' ? '?' : option;
}

int target_option(struct targets *targets, int option)
{
	char *end;
	long pid;

	if (option == 'a') {
		targets->all = 1;
		return 1;
	}
	errno = 0;
	pid = strtol(optarg, &end, 10);
	if (errno || *end || end == optarg || pid < 1 || pid > 4 << 20) {
		complain("--pid %s: use the number of a process", optarg);
		return 0;
	}
	targets->pid = (int)pid;
	return 1;
}

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(arguments[1], commands[i].name))
			return commands[i].main(count - 1, arguments + 1);
	complain(count > 1 ? "unknown command %s; try lbdns --help"
	                   : "nothing to do; try lbdns --help",
	         count > 1 ? arguments[1] : "");
	return WRONG_USE;
}

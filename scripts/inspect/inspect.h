/* lbdns-inspect: the part of the command that looks at what clients are doing: `lbdns status`,
 * `mode`, `metrics` and `check`. One static program, so that it runs in any container, whatever its
 * libc, and in one without a shell as well. */
#ifndef LBDNS_INSPECT_H
#define LBDNS_INSPECT_H

#include <getopt.h>

/* Exit statuses; those of `check` for a program are in check.h. */
enum { DONE = 0, FAILED = 1, WRONG_USE = 2 };

int status_main(int count, char **arguments);
int mode_main(int count, char **arguments);
int metrics_main(int count, char **arguments);
int check_main(int count, char **arguments);
int judge_main(int count, char **arguments);

/* "lbdns: …\n" on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The next option, as getopt_long(3), after complaints of ours: -1 at the end, '?' if one is wrong.
 * Arguments end the options. */
int next_option(int count, char **arguments, const struct option *options);

/* Whose shared memory is looked at: options that all of them take. */
struct targets {
	int pid; /* that of a process; 0: not given */
	int all; /* those of every user and IPC namespace */
};

/* For arrays of struct option, and what to do with one: false if its value is wrong. */
#define TARGET_OPTIONS                                                                             \
	{"pid", required_argument, NULL, 'p'},                                                     \
	{                                                                                          \
		"all", no_argument, NULL, 'a'                                                      \
	}
int target_option(struct targets *targets, int option);

#endif

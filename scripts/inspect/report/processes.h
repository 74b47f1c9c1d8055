/* The processes that /proc shows. */
#ifndef LBDNS_INSPECT_REPORT_PROCESSES_H
#define LBDNS_INSPECT_REPORT_PROCESSES_H

#include "report/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { PROCESS_LINE = 4352 }; /* of its maps: a path and what is in front of it */

struct process_list {
	unsigned count;
	pid_t pids[];
};

/* NULL if there is no /proc or no memory; the caller frees it. */
struct process_list *processes_list(void);

/* A file of its folder in /proc, to be read; NULL with errno. The caller closes it. */
FILE *process_open(pid_t pid, const char *file);

/* The line of its maps that has liblbdns.so; false if there is none, or that cannot be seen. */
bool process_has_library(pid_t pid, char line[PROCESS_LINE]);

/* Which processes of a report are alive. Of those in a PID namespace that cannot be seen from here
 * nobody knows. */
void processes_look(struct report *report);

#endif

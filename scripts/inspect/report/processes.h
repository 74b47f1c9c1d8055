/* The processes that /proc shows. */
#ifndef LBDNS_INSPECT_REPORT_PROCESSES_H
#define LBDNS_INSPECT_REPORT_PROCESSES_H

#include "report/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { PROCESS_LINE = 4352 }; /* size of a line of maps: a path and what is in front of it */

struct process_list {
	unsigned count;
	pid_t pids[];
};

/* Returns all processes in /proc; NULL if there is no /proc or no memory. The caller frees it. */
struct process_list *processes_list(void);

/* Opens a file of a process's folder in /proc for reading; NULL with errno. The caller closes it.
 */
FILE *process_open(pid_t pid, const char *file);

/* Finds the line of a process's maps that has liblbdns.so; false if there is none, or it may not be
 * seen. */
bool process_has_library(pid_t pid, char line[PROCESS_LINE]);

/* Sets life of the processes of a report. It stays LIFE_UNKNOWN for those in a PID namespace that
 * cannot be seen from here. */
void processes_look(struct report *report);

#endif

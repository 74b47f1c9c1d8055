/* Where shared memory is: a user's, in an IPC namespace. Containers and pods have IPC namespaces of
 * their own, and maybe user namespaces; a child goes there to look. */
#ifndef LBDNS_INSPECT_REPORT_SOURCE_H
#define LBDNS_INSPECT_REPORT_SOURCE_H

#include "report/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whose shared memory is looked at. */
struct targets {
	int pid;  /* that of the user and IPC namespace of this process; 0: not given */
	bool all; /* that of every user and IPC namespace */
};

struct source {
	uint32_t uid;       /* in its user namespace */
	pid_t pid;          /* a process in its namespaces; 0: they are ours */
	uint64_t ipc;       /* the inode of its IPC namespace; 0: not known */
	char container[13]; /* the beginning of its id, by the control group; "": none */
	char pod[37];       /* a pod's uid; "": none */
};

/* Those that the options ask for, at least one; NULL, after a complaint, if there are none. The
 * caller frees them. Of --all, some may have no shared memory. */
struct source *sources_find(const struct targets *targets, unsigned *count);

/* Runs visit where shared() is the source's. 0, or -1 with errno: ENOENT if there is none, EPERM or
 * EACCES if it may not be looked at. Of other namespaces visit runs in a child: what it writes is
 * lost, but for shared memory and output. */
int source_visit(const struct source *source, bool writable, void (*visit)(void *context),
                 void *context);

/* Memory that children have too. NULL, after a complaint, if there is none. */
void *source_memory(size_t size);

/* The report of a source, into memory of source_memory; results as of source_visit. */
int source_report(const struct source *source, struct report *report);

/* Complains that there is no shared memory, or why it cannot be looked at (errno). */
void source_complain(const struct source *source);

#endif

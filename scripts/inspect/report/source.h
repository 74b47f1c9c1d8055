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

/* Returns the sources that targets ask for, at least one, which the caller frees; NULL, after a
 * complaint, if there are none. With targets->all, some may have no shared memory. */
struct source *sources_find(const struct targets *targets, unsigned *count);

/* Calls visit(context) while shared() is the source's memory. Returns 0, or -1 with errno: ENOENT
 * if there is none, EPERM or EACCES if it may not be looked at. For a source in other namespaces a
 * child calls it: then all that visit writes is lost but output and what is in source_memory. */
int source_visit(const struct source *source, bool writable, void (*visit)(void *context),
                 void *context);

/* Returns memory that children have too (mmap); NULL, after a complaint, if there is none. */
void *source_memory(size_t size);

/* Makes the report of a source in memory of source_memory. Returns as source_visit. */
int source_report(const struct source *source, struct report *report);

/* Complains that there is no shared memory, or why it cannot be looked at (errno). */
void source_complain(const struct source *source);

#endif

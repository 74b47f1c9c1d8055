/* The processes that /proc shows. */
#ifndef LBDNS_PROCESSES_H
#define LBDNS_PROCESSES_H

#include "picture.h"

#include <stdbool.h>
#include <sys/types.h>

struct process_list {
	unsigned count;
	pid_t pids[];
};

/* NULL if there is no /proc or no memory; the caller frees it. */
struct process_list *processes_list(void);

/* Is liblbdns.so mapped into it? False too if that cannot be seen. */
bool process_has_library(pid_t pid);

/* Which processes of a picture are alive. Of those in a PID namespace that cannot be seen from here
 * nobody knows. */
void processes_look(struct picture *picture);

#endif

/* Whether a running process has loaded the library that it was given. */
#ifndef LBDNS_INSPECT_PROGRAMS_LOADED_H
#define LBDNS_INSPECT_PROGRAMS_LOADED_H

#include <stdbool.h>
#include <sys/types.h>

enum { LOADED_NAME = 17, LOADED_TEXT = 4096, LOADED_WHY = LOADED_TEXT + 256 };

struct loaded {
	enum loaded_state {
		LOADED_YES,
		LOADED_OFF,    /* loaded, and told to do nothing */
		LOADED_MISSED, /* given, and not loaded */
		LOADED_NOT_GIVEN,
		LOADED_UNKNOWN, /* the process may not be looked at */
		LOADED_GONE     /* there is no such process */
	} state;
	char name[LOADED_NAME]; /* of /proc/PID/comm: any bytes */
	char why[LOADED_WHY];   /* a reason or a remark, with paths of any bytes; "": none */
};

/* Looks at a process in /proc. */
void loaded_look(pid_t pid, struct loaded *loaded);

/* Copies the value that a variable had when the process was executed. Returns false if it was not
 * set. */
bool loaded_given(pid_t pid, const char *name, char value[LOADED_TEXT]);

#endif

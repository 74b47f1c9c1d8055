/* The three questions of `lbdns check`. Exit statuses: DONE for yes, FAILED for no. */
#ifndef LBDNS_INSPECT_COMMANDS_CHECK_H
#define LBDNS_INSPECT_COMMANDS_CHECK_H

/* The library that belongs to this program, or LBDNS_LIBRARY. */
const char *check_library(void);

/* "rng-headless:8081", port and all optional: would it be rotated, and do its endpoints answer? */
int check_name(const char *name);

/* Has that process what it was given, the library? 0: every process that was given it. */
int check_process(int pid);

#endif

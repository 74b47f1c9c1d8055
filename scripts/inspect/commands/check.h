/* The three questions of `lbdns check`. Exit statuses: DONE for yes, FAILED for no. */
#ifndef LBDNS_INSPECT_COMMANDS_CHECK_H
#define LBDNS_INSPECT_COMMANDS_CHECK_H

/* Returns the path of the library that belongs to this program, or LBDNS_LIBRARY. */
const char *check_library(void);

/* Shows whether connections to a name would rotate, and, if a port is given, whether its endpoints
 * answer there. name is "rng-headless" or "rng-headless:8081". */
int check_name(const char *name);

/* Shows whether a process has loaded the library; with pid 0, for each process that was given it.
 */
int check_process(int pid);

#endif

/* Libraries that stand before ours: what a client calls is theirs first, and ours if they pass it
 * on. */
#ifndef LBDNS_INSPECT_PROGRAMS_BEFORE_H
#define LBDNS_INSPECT_PROGRAMS_BEFORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Says into why which library of a process, or its program, has a getaddrinfo or connect that is
 * called before ours. Returns false if there is none, or the process may not be looked at. */
bool before_in_process(pid_t pid, char *why, size_t size);

/* Says into why that a process has loaded two copies of the library. Returns false if it has not.
 */
bool before_is_copied(pid_t pid, char *why, size_t size);

/* Says into why that a value of LD_PRELOAD names two copies of the library: two files, not one by
 * two names. Returns false if it does not. */
bool before_are_two(const char *preload, char *why, size_t size);

/* As before_in_process, of a program that is run with these environment variables. */
bool before_in_list(const char *preload, char *why, size_t size);

#endif

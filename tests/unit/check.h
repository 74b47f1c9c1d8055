/* For the unit programs: CHECK says which line failed and goes on; the program ends with
 * check_result(). */
#ifndef LBDNS_CHECK_H
#define LBDNS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int check_failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
			__atomic_fetch_add(&check_failures, 1, __ATOMIC_RELAXED);                  \
		}                                                                                  \
	} while (0)

static inline int check_result(void)
{
	return check_failures != 0;
}

/* Runs one test in a process of its own, after begin; false if it failed. */
static inline bool check_run(const char *name, void (*begin)(void), void (*test)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		begin();
		test();
		exit(check_result());
	}
	waitpid(child, &status, 0);
	if (status)
		fprintf(stderr, "%s: failed, status %#x\n", name, (unsigned)status);
	return status == 0;
}

#endif

/* For the unit programs: CHECK says which line failed and goes on; the program ends with
 * check_result(). */
#ifndef LBDNS_CHECK_H
#define LBDNS_CHECK_H

#include <stdio.h>

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

#endif

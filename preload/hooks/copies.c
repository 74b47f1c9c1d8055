#include "hooks/copies.h"

#include "base/libc.h"
#include "hooks/hook.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Returns the rank by which copies know each other. The one of the highest rank acts; of equals the
 * first, in the order of the dynamic linker. A version that does more for its clients has a higher
 * one. */
HOOK int lbdns_rank(void);

enum { RANK = 1 };

typedef int (*rank_function)(void);

int lbdns_rank(void)
{
	return RANK;
}

/* Returns true if a connect is of a file named as ours. Versions older than ranks have none: they
 * do not know that there are others, and act. */
static bool is_named_so(const void *connect)
{
	const char *base = strrchr(libc_file_of(connect), '/');

	return base && !strncmp(base, "/liblbdns.so", strlen("/liblbdns.so"));
}

static int rank_of(void *function)
{
	rank_function rank;

	memcpy(&rank, &function, sizeof(rank));
	return rank();
}

/* The name of lbdns_rank is only looked for where a connect is another library's: a name that is
 * not found is an error, which allocates memory. */
const char *copies_before(void)
{
	void *own = (void *)lbdns_rank, *other;
	void *first = libc_first("connect"), *next = (void *)libc()->connect;
	const char *before = NULL;

	if (first && first != (void *)connect) {
		other = libc_first("lbdns_rank");
		if (other && other != own && rank_of(other) >= RANK)
			before = libc_file_of(other);
		else if ((!other || other == own) && is_named_so(first))
			before = libc_file_of(first);
	}
	if (!before &&
	    strcmp(libc_file_of(next), libc_file_of(libc_first("__libc_start_main"))) != 0) {
		other = libc_next("lbdns_rank");
		if (other ? rank_of(other) > RANK : is_named_so(next))
			before = libc_file_of(other ? other : next);
	}
	return before;
}

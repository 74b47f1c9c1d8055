#include "driver.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* As most clients ask: both families, a service by its number. */
static bool is_found(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;

	if (getaddrinfo(name, "9000", &hints, &list))
		return false;
	freeaddrinfo(list);
	return true;
}

static void *run(void *argument)
{
	struct work *work = argument;
	uint64_t at_ns = now_ns();

	while (at_ns < work->until_ns) {
		bool found = is_found(work->task);
		uint64_t ended_ns = now_ns();

		if (found) {
			work->done++;
			histogram_add(&work->whole, ended_ns - at_ns);
		} else {
			work->failed++;
		}
		at_ns = ended_ns;
	}
	return NULL;
}

int mode_lookup(int argc, char **argv)
{
	char name[256];
	int threads, ms;

	(void)argc;
	(void)argv;
	printf("{}\n");
	while (scanf("%255s %d %d", name, &threads, &ms) == 3) {
		is_found(name); /* the first one is libc's in any case */
		histogram_print("whole", &work_run(run, name, threads, ms)->whole, false);
		printf("}\n");
	}
	return 0;
}

/* rooms: learn balance directory shared dns base */
/* pick COUNT: the pick by itself, without a system call: tests/bench/driver's histograms, and the
 * library's own objects. Commands: THREADS MS. */
#include "driver/driver.h"
#include "balance/pick.h"
#include "balance/pick_fast.h"
#include "balance/trial.h"
#include "base/address.h"
#include "base/answer.h"
#include "base/config.h"
#include "base/name.h"
#include "directory/route.h"
#include "learn/from_libc.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32, PORT = 9000 };

static struct address endpoint(unsigned i)
{
	return (struct address){.low = UINT64_C(0xffff) << 32 | (0x0ac80001 + i)};
}

/* Picks as connect does once a second, when the fast path is not for it. */
static __attribute__((noinline)) void pick_general(struct peer asked)
{
	struct route route;

	if (!route_find(asked.address, &route) ||
	    pick_endpoint(&route, asked, TRIAL_CALLER).kind == PICK_LEAVE)
		abort();
}

static void *run(void *argument)
{
	struct work *work = argument;
	struct peer asked = {endpoint(0), PORT};
	uint64_t at_ns = now_ns();

	while (at_ns < work->until_ns) {
		uint64_t ended_ns;

		for (int i = 0; i < BATCH; i++) {
			struct route_fast route;
			struct pick pick;

			if (!route_fast(asked.address, asked.port, &route) || !pick_fast(&route, asked, &pick))
				pick_general(asked);
		}
		ended_ns = now_ns();
		work->done += BATCH;
		histogram_add(&work->whole, (ended_ns - at_ns) / BATCH);
		at_ns = ended_ns;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)number(argv[1]) : 3;
	struct address *addresses = calloc(count, sizeof(*addresses));
	struct answer answer = {.source = ANSWER_LIBC};
	char *environment[] = {"LBDNS_REFRESH=1h", NULL};
	struct name_text name;
	int threads, ms;

	setvbuf(stdout, NULL, _IOLBF, 0);
	config_load(environment);
	for (unsigned i = 0; addresses && i < count; i++)
		addresses[i] = endpoint(i);
	answer.family[FAMILY_V4].outcome = DNS_ADDRESSES;
	answer.family[FAMILY_V4].addresses = addresses;
	answer.family[FAMILY_V4].count = count;
	name_normalize("pool", &name);
	if (!learn_from_libc(&name, &answer))
		return 1;
	printf("{}\n");
	while (scanf("%d %d", &threads, &ms) == 2) {
		histogram_print("whole", &work_run(run, NULL, threads, ms)->whole, false);
		printf("}\n");
	}
	free(addresses);
	return 0;
}

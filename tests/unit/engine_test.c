/* rooms: refresh learn balance directory shared dns base */
/* The engine alone, without lookup, connection and hooks, as a program links it that picks for the
 * connections of others: it learns a name, picks, is told of a failure, and picks again. */
#include "learned.h"

#include "learn/result.h"
#include "refresh/due.h"
#include "refresh/thread.h"

#include <errno.h>
#include <string.h>

enum { PODS = 3, FAILING = 2, ROUNDS = 4 };

static const char name[] = "rng.default.svc.cluster.local";

/* Picks for so many connections, and counts which endpoint each is sent to. */
static void count_picks(unsigned picks, unsigned counts[PODS + 1])
{
	memset(counts, 0, (PODS + 1) * sizeof(*counts));
	for (unsigned i = 0; i < picks; i++) {
		struct pick picked = connect_to(v4(1));

		CHECK(picked.kind != PICK_LEAVE);
		for (unsigned which = 1; which <= PODS; which++)
			if (address_equal(picked.target.address, v4(which)))
				counts[which]++;
	}
}

static bool dns_is_due(void)
{
	uint64_t next_ms = UINT64_MAX;
	uint32_t service = 0;
	struct due due;

	return due_next(&service, clock_ms(), &next_ms, &due) &&
	       !strcmp(due.name.text, name_of(name).text);
}

static void learns_picks_and_passes_over(void)
{
	unsigned counts[PODS + 1];

	CHECK(connect_to(v4(1)).kind == PICK_LEAVE);
	CHECK(learn_v4(name, 1, PODS));
	count_picks(3, counts);
	CHECK(counts[1] == 1 && counts[2] == 1 && counts[3] == 1);
	CHECK(!dns_is_due());

	result_note_peer((struct peer){v4(FAILING), PORT}, 0, clock_ms(), ECONNREFUSED);
	CHECK(dns_is_due());
	count_picks(2 * ROUNDS, counts);
	CHECK(counts[1] == ROUNDS && counts[FAILING] == 0 && counts[3] == ROUNDS);

	result_note_peer((struct peer){v4(FAILING), PORT}, 0, clock_ms(), 0);
	count_picks(3 * ROUNDS, counts);
	CHECK(counts[1] == ROUNDS && counts[FAILING] == ROUNDS && counts[3] == ROUNDS);
	CHECK(!thread_stop()); /* it never ran: who picks for others decides when DNS is asked */
}

int main(void)
{
	return check_run("learns, picks and passes over", settings_for_tests,
	                 learns_picks_and_passes_over)
	               ? 0
	               : 1;
}

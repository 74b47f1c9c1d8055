/* The last rewritten connections. */
#include "shared/counters.h"

#include "base/address.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "shared/counters_fast.h"
#include "shared/read.h"
#include "shared/segment.h"

#include <errno.h>

void counters_rewritten(const struct tally *tally, struct address asked, uint64_t at_ms, int result)
{
	counters_rewritten_fast(tally, asked, at_ms, result);
}

SELDOM void counters_rewritten_failed(struct address endpoint, uint32_t port, int error)
{
	struct shared *in = shared();
	uint64_t next = load_relaxed(&in->rewrite_next);

	for (uint64_t turn = next - 1; turn != next - 1 - SHARED_REWRITES; turn--) {
		_Atomic uint64_t *words = in->rewrites[turn % SHARED_REWRITES].words;
		uint32_t place = (uint32_t)(load_relaxed(&words[0]) % SHARED_TALLIES);
		struct read_rewrite rewrite;
		uint64_t head;

		if (!read_rewrite(turn, &rewrite) || rewrite.result != EINPROGRESS ||
		    rewrite.port != port || !address_equal(rewrite.endpoint, endpoint))
			continue;
		/* If another connection takes the place meanwhile, the check will tell. */
		head = rewrite_head(rewrite.at_ms, place, error);
		store_relaxed(&words[3], rewrite_check(head, rewrite.asked, &in->tallies[place]));
		store_relaxed(&words[0], head);
		return;
	}
}

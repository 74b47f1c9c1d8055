#include "learn/canonical.h"

#include "directory/snapshot.h"
#include "learn/writer.h"

#include <string.h>

/* Returns true if an answer has no canonical name, or the one that is known. */
static bool is_known(const struct name_text *name, const struct listing *listing,
                     const struct answer *answer)
{
	struct name_text known;

	return !answer->canonical ||
	       (listing->has_canonical && listing_canonical(listing, name, &known) &&
	        !strcmp(known.text, answer->canonical));
}

void canonical_learn(const struct name_text *name, const struct listing *listing,
                     const struct answer *answer)
{
	struct name_text canonical;
	struct writer_lock lock;
	struct draft draft;
	int64_t place;

	if (is_known(name, listing, answer) || !name_normalize(answer->canonical, &canonical) ||
	    !writer_trylock(&lock))
		return;
	place = draft_begin(&draft) ? snapshot_find_name(draft.next, name) : -1;
	if (place >= 0) {
		draft_set_canonical(&draft, (uint32_t)place, &canonical);
		draft_publish(&draft);
	}
	draft_end();
	writer_unlock(&lock);
}

bool canonical_forget(struct draft *draft, uint32_t service, const struct answer *answer)
{
	const struct snapshot *next = draft->next;
	bool forgotten = false;

	for (uint32_t n = 0; answer->canonical && n < next->name_count; n++) {
		if (next->names[n].service != service || !next->names[n].has_canonical ||
		    !strcmp(next->canonical[n].text, answer->canonical))
			continue;
		draft_set_canonical(draft, n, NULL);
		forgotten = true;
	}
	return forgotten;
}

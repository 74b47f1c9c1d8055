/* What DNS's answers teach. The refresh thread. */
#ifndef LBDNS_LEARN_FROM_DNS_H
#define LBDNS_LEARN_FROM_DNS_H

#include "base/answer.h"
#include "base/name.h"

#include <stdbool.h>
#include <stdint.h>

/* A name that DNS is to be asked for. */
struct due {
	uint32_t service, generation; /* its place, and which service that was */
	struct name_text name;
	bool absolute; /* take the name as it is: do not walk the search list */
	unsigned families;
	unsigned pools; /* families of which there is or was a pool, as FAMILY_BITs */
};

/* Takes in what DNS answered. Returns false if another thread is writing the directory: come again.
 */
bool learn_from_dns(const struct due *due, const struct answer *answer);

#endif

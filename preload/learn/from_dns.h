/* What DNS's answers teach. The refresh thread. */
#ifndef LBDNS_LEARN_FROM_DNS_H
#define LBDNS_LEARN_FROM_DNS_H

#include "base/name.h"
#include "dns/resolver.h"

#include <stdbool.h>
#include <stdint.h>

struct due {
	uint32_t service, generation;
	struct name_text name;
	bool absolute; /* take the name as it is: do not walk the search list */
	unsigned families;
};

/* Takes in what DNS answered. False if the directory was busy: come again. */
bool learn_from_dns(const struct due *due, const struct resolver_answer *answer);

#endif

/* What libc or DNS said of a name, at one time. */
#ifndef LBDNS_BASE_ANSWER_H
#define LBDNS_BASE_ANSWER_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>

enum dns_outcome {
	DNS_NOT_ASKED,
	DNS_ADDRESSES, /* at least one usable address */
	DNS_NO_DATA,   /* the name exists and has none of this family (or none that is usable) */
	DNS_NO_NAME,   /* NXDOMAIN, from every candidate of the search list */
	DNS_FAILED     /* no answer to believe: SERVFAIL, REFUSED, timed out, malformed, no memory
	                       … */
};

/* The order in which libc gives the families of a dual-stack answer. */
enum family_order { ORDER_UNKNOWN, ORDER_V4_FIRST, ORDER_V6_FIRST };

/* What libc answered. addresses are sorted, each once. */
struct directory_answer {
	unsigned families; /* those that libc was asked for */
	struct {
		const struct address *addresses;
		size_t count;
	} family[FAMILY_COUNT];
	enum family_order order;
	const char *canonical; /* or NULL */
	bool may_be_truncated; /* the resolver of this libc may have left addresses out: refresh at
	                        * once
	                        */
};

#endif

/* The addresses in a DNS answer. The refresh thread only. */
#ifndef LBDNS_RECORDS_H
#define LBDNS_RECORDS_H

#include "address.h"

#include <stddef.h>

struct records {
	struct address *addresses; /* usable ones, sorted, each once; from cares_alloc */
	size_t count;
	uint32_t ttl_s; /* the smallest of theirs and of the CNAMEs before them */
	bool any;       /* there were addresses, usable or not */
};

/* From the A or AAAA records of a whole DNS message. False if it is malformed or there is no
 * memory; then there are none. */
bool records_parse(enum family family, const unsigned char *message, int size,
                   struct records *records);

#endif

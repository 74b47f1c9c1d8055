/* The addresses in a DNS answer. The refresh thread only. */
#ifndef LBDNS_DNS_RECORDS_H
#define LBDNS_DNS_RECORDS_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct records {
	struct address *addresses; /* usable ones, sorted, each once; from cares_alloc */
	size_t count;
	uint32_t ttl_s;        /* the smallest of theirs and of the CNAMEs before them */
	bool any;              /* there were addresses, usable or not */
	const char *canonical; /* what the name is an alias of in the end; NULL: of none */
};

enum { DNS_CLASS_IN = 1, DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };

/* Returns true if the message is an answer to a query, with this RCODE: c-ares 1.18 takes an RCODE
 * that is reserved for success, and a question that comes back for an answer. */
bool records_is_answer(const unsigned char *message, int size, unsigned rcode);

/* Reads the A or AAAA records of a whole DNS message: those of the name asked for and its aliases,
 * or with any_owner all there are. Returns false, and no addresses, if the message is malformed,
 * has only such records as are no use, or there is no memory. */
bool records_parse(enum family family, const unsigned char *message, int size, bool any_owner,
                   struct records *records);

#endif

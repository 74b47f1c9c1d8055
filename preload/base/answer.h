/* What libc or DNS said of a name, at one time. Made by lookup/list.h and dns/resolver.h, taken in
 * by learn/. */
#ifndef LBDNS_BASE_ANSWER_H
#define LBDNS_BASE_ANSWER_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most addresses of one family that an answer is taken in with. */
enum { ANSWER_ADDRESS_LIMIT = 16384 };

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

enum answer_source { ANSWER_LIBC, ANSWER_DNS };

/* Whoever makes an answer owns what it points to. */
struct answer {
	enum answer_source source;
	struct {
		enum dns_outcome outcome; /* libc: DNS_NOT_ASKED, DNS_ADDRESSES or DNS_NO_DATA */
		bool silent;              /* DNS_FAILED, and nothing came from any server */
		const struct address *addresses; /* usable ones, sorted, each once */
		size_t count;
		uint32_t ttl_s; /* the smallest of the records' and their CNAMEs'; libc: 0 */
	} family[FAMILY_COUNT];
	enum family_order order; /* of libc's list; DNS: ORDER_UNKNOWN */
	/* The name that DNS answered for: absolute, lower case, no trailing dot; "" if it answered
	 * for none. CNAMEs are followed, but this is the name asked for, not the canonical one.
	 * libc: NULL, because it does not say. */
	const char *absolute;
	/* What the name is an alias of in the end, or the name itself: libc's AI_CANONNAME, what
	 * DNS's CNAMEs come to. NULL: not asked for, or not told. */
	const char *canonical;
	/* This libc's resolver may have left addresses out: DNS is to be asked at once. */
	bool may_be_truncated;
};

/* Returns true if DNS or libc said that there are no addresses of a family. */
static inline bool answer_denies(const struct answer *answer, enum family family)
{
	return answer->family[family].outcome == DNS_NO_DATA ||
	       answer->family[family].outcome == DNS_NO_NAME;
}

#endif

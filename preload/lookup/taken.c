#include "lookup/taken.h"

#include "balance/pick.h"
#include "balance/walk.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/answer.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "base/wakeup.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "learn/claim.h"
#include "learn/from_libc.h"
#include "lookup/list.h"
#include "refresh/thread.h"
#include "shared/mode.h"

#include <errno.h>
#include <string.h>

/* Returns the families of which a list has addresses, as FAMILY_BITs. */
static unsigned families_in(const struct list_addresses *addresses)
{
	unsigned families = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (addresses->family[f].count)
			families |= FAMILY_BIT(f);
	return families;
}

/* Learns an answer to a question for a port, or 0, and has the thread look at a name that is
 * managed. Returns the families whose addresses are to be put in order, as FAMILY_BITs. */
static unsigned learn(const struct name_text *name, const struct answer *answer, uint16_t port,
                      bool in_handler)
{
	struct listing listing;
	unsigned managed = 0;
	enum family leading;

	if (!learn_from_libc(name, answer) || !listing_find(name, &listing))
		return 0;
	if (in_handler) {
		thread_nudge(UINT64_MAX, 0);
	} else {
		thread_want(answer->may_be_truncated);
		/* A name that is new, or was idle, has its next refresh after at least that. */
		wakeup_by(clock_ms() + listing.interval_ms / 2);
	}
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (listing.family[f].state == DIRECTORY_POOL && answer->family[f].count)
			managed |= FAMILY_BIT(f);
	if (!managed || !listing_rotates(&listing, port) ||
	    mode_for(service_name_hash(listing.service)) != MODE_ON)
		return 0;
	leading = managed & FAMILY_BIT(FAMILY_V4) ? FAMILY_V4 : FAMILY_V6;
	return pick_shows(listing.service, listing.family[leading].key, port) &&
	                       !load_relaxed(&service_state[listing.service].unsure)
	               ? managed
	               : 0;
}

/* Returns the index of the address that is to come first in a family of the list that the client is
 * given. */
static size_t first_of(const struct list_addresses *addresses, enum family family, uint16_t port)
{
	const struct address *at = addresses->family[family].at;
	uint32_t count = (uint32_t)addresses->family[family].count;
	uint64_t key = address_set_key(at, count);
	uint32_t first = pick_show(at, count, key, port);

	walk_listed(key, count, first);
	return first;
}

/* Returns true if a node is an address: with ':', or a number. */
static bool is_number(const char *node)
{
	struct name_text name;

	return strchr(node, ':') || (name_normalize(node, &name) && name_is_numeric(&name));
}

/* Returns what stands in the claims for a node that is no name of DNS. */
static uint64_t claim_key(const char *node)
{
	uint64_t key = 0;

	for (; *node; node++)
		key = hash_mix(key ^ (unsigned char)*node);
	return key;
}

static void claim(const char *node, struct address address)
{
	if (is_number(node))
		learn_claim_number(address);
	else
		learn_claim(claim_key(node), address);
}

static void claim_list(const char *node, const struct addrinfo *list)
{
	for (; list; list = list->ai_next) {
		struct address address;
		uint16_t port;

		if (list->ai_addr &&
		    address_from_sockaddr(list->ai_addr, list->ai_addrlen, &address, &port))
			claim(node, address);
	}
}

static void claim_addresses(const char *node, const struct list_addresses *addresses)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		for (size_t i = 0; i < addresses->family[f].count; i++)
			claim(node, addresses->family[f].at[i]);
}

/* Returns the canonical name in a list if it can be kept: in lower case, as all our names are. A
 * name that was asked for in upper case comes back so, and libc is asked for it again. */
static const char *canonical_of(const struct question *question, const struct addrinfo *list)
{
	struct name_text name;

	if (!question->wants_canonical || !list->ai_canonname ||
	    !name_normalize(list->ai_canonname, &name) ||
	    strcmp(list->ai_canonname, name.text) != 0)
		return NULL;
	return list->ai_canonname;
}

void taken_list(const struct question *question, struct addrinfo *list, bool in_handler)
{
	struct list_addresses addresses;
	struct name_text name;
	int saved_errno = errno;

	if (!question_name(question, &name)) {
		claim_list(question->node, list);
		return;
	}
	if (list_read(&addresses, list)) {
		/* With AI_V4MAPPED there is IPv4 in an answer to a question for IPv6. */
		unsigned has = families_in(&addresses), managed;
		struct answer answer = list_answer(
			&addresses, has | question_sought(question, question->families & ~has));

		answer.canonical = canonical_of(question, list);
		managed = learn(&name, &answer, list_port(list), in_handler);
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (managed & FAMILY_BIT(f))
				list_order(&addresses, f, first_of(&addresses, f, list_port(list)),
				           list);
	} else {
		claim_list(name.text, list);
	}
	list_release(&addresses);
	errno = saved_errno;
}

SELDOM void taken_host(const char *node, struct hostent *host)
{
	struct list_addresses addresses;
	struct name_text name;
	int saved_errno = errno;

	if (config.mode == MODE_OFF || !node || !host ||
	    (host->h_addrtype != AF_INET && host->h_addrtype != AF_INET6))
		return;
	/* Without memory nothing is known of the addresses, and none of them can be claimed: too
	 * many. */
	if (!list_read_host(&addresses, host)) {
		list_release(&addresses);
		return;
	}
	if (name_normalize(node, &name) && !name_is_numeric(&name)) {
		enum family family = host->h_addrtype == AF_INET ? FAMILY_V4 : FAMILY_V6;
		struct answer answer = list_answer(&addresses, FAMILY_BIT(family));

		if (learn(&name, &answer, 0, false) & FAMILY_BIT(family))
			list_order_host(&addresses, family, first_of(&addresses, family, 0), host);
	} else {
		claim_addresses(node, &addresses);
	}
	list_release(&addresses);
	errno = saved_errno;
}

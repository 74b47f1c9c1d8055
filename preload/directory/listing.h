/* Listings: a name and its endpoints, as lookups read them.
 *
 * Readers take no lock, allocate nothing and never wait: any thread, any signal handler. */
#ifndef LBDNS_DIRECTORY_LISTING_H
#define LBDNS_DIRECTORY_LISTING_H

#include "base/address.h"
#include "base/answer.h"
#include "base/name.h"
#include "directory/service.h"

#include <stdbool.h>
#include <stdint.h>

/* Is there any managed name? The first question of every hook. */
bool directory_is_empty(void);

struct listing {
	uint64_t sequence;
	uint32_t service;
	enum family_order order;
	bool believed;   /* DNS is known to know this name as libc does */
	uint64_t age_ms; /* since DNS or libc was last asked */
	uint32_t interval_ms;
	bool has_canonical;
	struct {
		enum directory_state state;
		bool fresh;     /* the last good answer is not older than LBDNS_MAX_STALE */
		uint32_t first; /* for listing_copy */
		uint32_t count; /* endpoints */
		uint32_t version;
		uint64_t key; /* for rotation_show */
	} family[FAMILY_COUNT];
};

/* What is known of a name; false if it is not managed. Counts as a use of it. */
bool listing_find(const struct name_text *name, struct listing *listing);

/* The endpoints of a family, sorted, into endpoints[count]; false if they changed since
 * listing_find. */
bool listing_copy(const struct listing *listing, enum family family, struct address *endpoints);

/* The canonical name libc gave for it; false if none is known or it changed. */
bool listing_canonical(const struct listing *listing, const struct name_text *name,
                       struct name_text *canonical);

/* The client is given the endpoints of this listing. Said before they are looked at again: those
 * that leave the pool meanwhile have been handed out too. */
void listing_given(const struct listing *listing, unsigned families);

#endif

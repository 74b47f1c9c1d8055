/* Listings: a name and its endpoints, as lookups read them. Readers take no lock, allocate nothing
 * and never wait: any thread, any signal handler. */
#ifndef LBDNS_DIRECTORY_LISTING_H
#define LBDNS_DIRECTORY_LISTING_H

#include "base/address.h"
#include "base/answer.h"
#include "base/name.h"
#include "base/ports.h"
#include "directory/service.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns true if no name was ever managed: every hook asks this first. */
bool directory_is_empty(void);

/* What is known of one name. */
struct listing {
	uint64_t sequence; /* of the snapshot that it was read from */
	uint32_t service;
	uint32_t name; /* its place, for name_state */
	enum family_order order;
	bool believed;        /* DNS is known to know this name as libc does */
	bool has_canonical;   /* the canonical name is known: listing_canonical */
	uint64_t age_ms;      /* since DNS or libc was last asked */
	uint32_t interval_ms; /* between two questions */
	uint64_t ports;       /* at which its connections rotate (base/ports.h) */
	struct {
		enum directory_state state;
		bool fresh;       /* the last good answer is not older than LBDNS_MAX_STALE */
		bool confirmed;   /* DNS has said so too */
		bool libc_due;    /* libc is to be asked again, whatever DNS says */
		uint32_t first;   /* for listing_copy */
		uint32_t count;   /* endpoints; 0: there is no pool */
		uint32_t version; /* of the pool, for listing_given */
		uint64_t key;     /* of the pool, for rotation_show */
	} family[FAMILY_COUNT];
};

/* Reads what is known of a name, and notes its use. Returns false if the name is not managed. */
bool listing_find(const struct name_text *name, struct listing *listing);

/* Returns true if no snapshot was published since listing_find. */
bool listing_is_of_now(const struct listing *listing);

/* Returns true if the answer of a lookup for a port, or 0, is to be put in order. One without a
 * port may be for any. */
static inline bool listing_rotates(const struct listing *listing, uint16_t port)
{
	return !port || ports_have(listing->ports, port);
}

/* Copies the endpoints of a family, sorted, into endpoints[count]. Returns false if they have
 * changed since listing_find. */
bool listing_copy(const struct listing *listing, enum family family, struct address *endpoints);

/* Copies the canonical name that libc gave for a name. Returns false if none is known, or it has
 * changed since listing_find. */
bool listing_canonical(const struct listing *listing, const struct name_text *name,
                       struct name_text *canonical);

/* Records that the client is about to receive the endpoints of this listing, of these families
 * (FAMILY_BITs). Call it before copying them, because an endpoint that leaves the pool in between
 * has been handed out too, and connections to it are redirected. */
void listing_given(const struct listing *listing, unsigned families);

#endif

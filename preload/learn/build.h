/* A snapshot in the making: private to build.c, build_ports.c and departed.c, which share its
 * counts. The writer only. */
#ifndef LBDNS_LEARN_BUILD_H
#define LBDNS_LEARN_BUILD_H

#include "base/address.h"
#include "directory/snapshot.h"
#include "learn/draft.h"

#include <stdbool.h>
#include <stdint.h>

struct build {
	struct draft *draft;
	struct snapshot *next;
	const struct snapshot *old;
	uint32_t endpoints, pool_records, memberships, departed; /* that `next` has so far */
};

/* Adds an endpoint. Returns its index in `addresses`. */
uint32_t build_add_endpoint(struct build *build, struct address address, struct endpoint_info info);

/* Adds a membership. Returns its index; MEMBERSHIP_TOO_MANY if there is no room. */
uint32_t build_add_membership(struct build *build, const struct membership *membership);

/* Writes endpoint + 1 into a slot of the index (snapshot_probe). */
void build_index_set(struct build *build, uint64_t slot, uint32_t value);

/* Returns true if the service at a place is the one that was there before. In this very draft the
 * place may have been given to another one. */
bool build_is_same(const struct build *build, uint32_t service);

/* Sets at which ports connections to the endpoints rotate, once all pools are in the index; pools
 * is how many there are. */
void build_ports(struct build *build, uint32_t pools);

/* Returns the place in `departed` of an address that a client was given for a name that it has
 * left; NO_SLOT if it is no such address, DEPARTED if that cannot be told (MEMBERSHIP_TOO_MANY). */
uint32_t departed_place_of(const struct snapshot *old, struct address address);

/* Fills `departed`, once all pools are in the index: with the addresses that were in it and still
 * are to be, and with those that leave their pools now. */
void departed_build(struct build *build);

/* Puts the departed addresses into the index. The last ones that are added. */
void departed_index(struct build *build);

/* Returns what stands in the claims for the addresses that a service has left and another one still
 * has. */
uint64_t departed_claim_key(const struct snapshot *snapshot, uint32_t service);

#endif

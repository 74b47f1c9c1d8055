/* The next snapshot: begun from the published one, changed, built and published. The writer, who
 * holds writer_trylock. */
#ifndef LBDNS_LEARN_DRAFT_H
#define LBDNS_LEARN_DRAFT_H

#include "base/address.h"
#include "base/name.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/merge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The writer's own memory. */
struct draft_scratch {
	uint32_t departed_membership[SERVICES][FAMILY_COUNT];
	bool is_equal[POOL_RECORDS]; /* of a pool: one before it has the same endpoints */
	struct address addresses[ENDPOINTS];
};

/* The new endpoints of one name in one family: sorted, each once. */
struct change {
	uint32_t service;
	enum family family;
	const struct address *endpoints;
	size_t count;
};

struct draft {
	const struct snapshot *old;
	struct snapshot *next; /* has room for all there may ever be; no reader sees it */
	struct draft_scratch *scratch;
	uint64_t sequence; /* of old */
	struct change changes[FAMILY_COUNT];
	size_t change_count;
};

/* Begins a new snapshot with the services and names of the published one. Returns false if there is
 * no memory. */
bool draft_begin(struct draft *draft);

/* Gives the memory of a draft back, whether it was published, or only begun, or not even that. */
void draft_end(void);

/* Services and names are read and written whole. */
struct service draft_service(const struct draft *draft, uint32_t service);
void draft_set_service(struct draft *draft, uint32_t service, const struct service *value);
void draft_set_service_text(struct draft *draft, uint32_t service, const struct name_text *text);

/* Gives up a service: it has no pool, and its place may be used again. */
void draft_free_service(struct draft *draft, uint32_t service);

/* Makes the name at a place stand for a service; SERVICES: for none, so that the place may be used
 * again. */
void draft_set_name(struct draft *draft, uint32_t name, const struct name_text *text,
                    uint32_t service);

/* Notes the canonical name of the name at a place; NULL: none is known. */
void draft_set_canonical(struct draft *draft, uint32_t name, const struct name_text *canonical);

/* Adds a service, or a name. Returns its place, which is a free one; SERVICES or NAMES if there is
 * none. */
uint32_t draft_add_service(struct draft *draft);
uint32_t draft_add_name(struct draft *draft);

/* Returns what is known of a service: its pools in `old`, all else in `next`. SERVICES: of a name
 * that is not known. */
struct merge_before draft_before(const struct draft *draft, uint32_t service);

/* Takes over the states and endpoints of a service, which belong to merge and must outlive the
 * draft. Once for a draft. Returns false if nothing changes. */
bool draft_take(struct draft *draft, uint32_t service, const struct merge_after *after);

/* Builds pools, memberships, departed addresses and the index, and publishes. A family that is
 * DIRECTORY_POOL in the draft has the endpoints that draft_take brought, else those it had; a
 * family that no longer is loses them. Returns false if there is no memory. */
bool draft_publish(struct draft *draft);

/* Makes the draft the published snapshot; for draft_publish. */
bool draft_commit(const struct draft *draft);

/* Returns zeroed memory, which is never given back; NULL if there is none. */
void *draft_map(size_t size);

/* Copies the services and names of one snapshot into another. */
void draft_copy_names(struct snapshot *to, const struct snapshot *from);

#endif

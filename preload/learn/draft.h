/* The next snapshot: begun from the published one, changed, built and published. The writer, who
 * holds writer_trylock. */
#ifndef LBDNS_LEARN_DRAFT_H
#define LBDNS_LEARN_DRAFT_H

#include "base/address.h"
#include "base/name.h"
#include "directory/service.h"
#include "directory/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The writer's own memory. */
struct draft_scratch {
	uint32_t departed_membership[SERVICES][FAMILY_COUNT];
	struct address addresses[ENDPOINTS];
};

struct draft {
	const struct snapshot *old;
	struct snapshot *next; /* has room for all there may ever be; no reader sees it */
	struct draft_scratch *scratch;
	uint64_t sequence; /* of old */
};

/* What one publication changes in the pools: the new endpoints of one name in one family (sorted,
 * different). */
struct change {
	uint32_t service;
	enum family family;
	const struct address *endpoints;
	size_t count;
};

/* Begins a new snapshot with the services and names of the published one; false if there is no
 * memory. */
bool draft_begin(struct draft *draft);

/* Gives the memory of a draft back, be it published or not, or not even begun. */
void draft_end(void);

/* Services and names of the draft, read and written whole. */
struct service draft_service(const struct draft *draft, uint32_t service);
void draft_set_service(struct draft *draft, uint32_t service, const struct service *value);
void draft_set_service_text(struct draft *draft, uint32_t service, const struct name_text *text);

/* Gives up a service: it has no pool, its place may be used again. */
void draft_free_service(struct draft *draft, uint32_t service);

/* Makes the name at a place stand for a service; SERVICES: for none, and the place may be used
 * again. */
void draft_set_name(struct draft *draft, uint32_t name, const struct name_text *text,
                    uint32_t service);
void draft_set_canonical(struct draft *draft, uint32_t name, const struct name_text *canonical);

/* A free place; SERVICES or NAMES if there is none. */
uint32_t draft_add_service(struct draft *draft);
uint32_t draft_add_name(struct draft *draft);

/* Builds pools, memberships, departed addresses and the index, and publishes. A family that is
 * DIRECTORY_POOL in the draft has the endpoints of its change, else those it had; one that no
 * longer is loses them. False if there is no memory. */
bool draft_publish(struct draft *draft, const struct change *changes, size_t change_count);

/* Makes the draft the published snapshot; for draft_publish. */
bool draft_commit(const struct draft *draft);

/* Returns zeroed memory, which is never given back; NULL if there is none. */
void *draft_map(size_t size);

/* Copies the services and names of one snapshot into another. */
void draft_copy_names(struct snapshot *to, const struct snapshot *from);

/* Is there room for so many endpoints more? */
bool snapshot_has_room(const struct snapshot *snapshot, size_t count);

#endif

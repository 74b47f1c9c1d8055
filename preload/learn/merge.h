/* What becomes of a name's pools when libc or DNS answers. All of it is decided here, for both
 * sources. Pure functions: no globals, no locks, no clock; any thread, any signal handler. */
#ifndef LBDNS_LEARN_MERGE_H
#define LBDNS_LEARN_MERGE_H

#include "base/address.h"
#include "base/answer.h"
#include "directory/service.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was known of a name before an answer. All of it is 0 for a name that was not known. */
struct merge_before {
	bool listed;         /* managed because LBDNS_NAMES says so: public addresses will do */
	bool absolute_known; /* DNS is believed for this name */
	int64_t room; /* endpoints more that the pools may have; negative: they have too many */
	struct {
		enum directory_state state;
		const struct address *endpoints; /* of DIRECTORY_POOL; sorted, each once */
		size_t count;
		uint32_t denials;      /* answers of DNS in a row that denied the pool */
		uint64_t rejected_key; /* address_set_key of the last ones not believed; 0: none */
	} family[FAMILY_COUNT];
};

/* What is known after it. Endpoints are those of merge_before or those of the answer. */
struct merge_after {
	bool fits;      /* false: there is no room for libc's answer, and nothing changes */
	bool believed;  /* false: DNS may not know the name as libc does; no pool changes */
	bool unmanaged; /* DNS has said so often enough: the name is not to be managed */
	struct {
		enum directory_state state;
		bool replaced;  /* the endpoints are the answer's now */
		bool refreshed; /* they stay, because DNS has named the same once more */
		const struct address *endpoints; /* of DIRECTORY_POOL, else NULL */
		size_t count;
		uint32_t denials;
		uint64_t rejected_key;
	} family[FAMILY_COUNT];
};

/* Merges an answer into what was known. For each family that it says something of:
 *   - addresses that may be a pool replace the endpoints. They may be one if they are all private,
 *     or the name is listed, and if there is room for them;
 *   - other addresses make the family DIRECTORY_UNKNOWN;
 *   - a denial makes a family without a pool DIRECTORY_NONE. A pool survives libc's denials, and
 *     DNS's until there were DENIALS_TO_DROP in a row: then it is DIRECTORY_GONE.
 *
 * DNS is believed once an answer shares an address with libc's, or if libc never gave one. An
 * answer that is not believed counts as a denial if it has none or other addresses of a family that
 * libc gave a pool of. Only the same other addresses count in a row, because a server that names a
 * few of many at a time may yet come to libc's. */
struct merge_after merge(const struct merge_before *before, const struct answer *answer);

/* Returns true if libc's answer makes a name managed that is not: it needs a family of at least two
 * addresses that may be a pool, or one address if the name is listed. */
bool merge_begins(const struct answer *answer, bool listed);

#endif

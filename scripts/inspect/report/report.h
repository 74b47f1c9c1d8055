/* What the shared memory of one user says, at one moment, sorted and checked: nothing in that
 * memory is trusted, and it changes while it is read. */
#ifndef LBDNS_INSPECT_REPORT_REPORT_H
#define LBDNS_INSPECT_REPORT_REPORT_H

#include "base/address.h"
#include "base/name.h"
#include "shared/counters.h"
#include "shared/mode.h"
#include "shared/segment.h"

/* Connections to one endpoint and port for one name. */
struct report_endpoint {
	uint32_t name; /* its place in names */
	struct address address;
	uint32_t port; /* as in rotation.h */
	uint64_t connections, rewritten, failures, retries;
	uint64_t idle_ms;    /* since the last connection, 16 s coarse */
	bool ejected;        /* it is passed over, */
	uint64_t ejected_ms; /* for so long; 0: until a connection has tried it */
};

struct report_name {
	struct name_text text;
	uint64_t hash;
	uint32_t absolute;                /* the place of its absolute name; its own if it is one */
	uint32_t endpoints[FAMILY_COUNT]; /* that DNS named last */
	uint32_t first_seen, seen;        /* places in report.endpoints */
	enum mode_order order;            /* for this name alone */
	bool refreshed, answered;         /* ever */
	uint64_t refreshed_ms, answered_ms; /* so long ago */
	uint32_t outcome;                   /* enum dns_outcome of the last refresh */
	uint64_t interval_ms, ttl_s;
	uint64_t refreshes, refresh_failures, changes;
	uint64_t connections, rewritten, failures, retries; /* of all its endpoints */
	uint64_t passed[LEAVE_COUNT];
};

enum report_life { LIFE_UNKNOWN, LIFE_ALIVE, LIFE_ENDED };

struct report_process {
	uint64_t pid; /* in its own PID namespace */
	uint64_t pid_namespace;
	uint64_t started_ms;      /* CLOCK_MONOTONIC */
	uint64_t age_ms, seen_ms; /* since its first and last refresh */
	uint64_t refreshes;
	enum config_mode mode; /* its LBDNS_MODE */
	char name[17];
	enum report_life life; /* processes.h */
};

struct report_recent {
	uint64_t at_ms; /* since 1970 */
	struct counters_rewrite rewrite;
	uint32_t name; /* its place in names; name_count if it is gone */
};

/* Without pointers: it may be made by a child, in memory that both have. */
struct report {
	enum mode_order order;
	uint32_t name_count, endpoint_count, process_count, recent_count;
	struct report_name names[SHARED_NAMES]; /* by their texts */
	struct report_endpoint endpoints[SHARED_TALLIES];
	struct report_process processes[SHARED_PROCESSES]; /* the last to refresh first */
	struct report_recent recent[SHARED_RECENT];        /* the oldest first */
};

/* Of what shared() is: a segment that shared_open has attached, if only to be read. */
void report_take(struct report *report);

#endif

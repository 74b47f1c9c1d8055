/* What the shared memory of one user says, at one moment, sorted and checked: nothing in that
 * memory is trusted, and it changes while it is read. */
#ifndef LBDNS_INSPECT_REPORT_REPORT_H
#define LBDNS_INSPECT_REPORT_REPORT_H

#include "base/address.h"
#include "base/config.h"
#include "base/name.h"
#include "base/reason.h"
#include "shared/mode.h"
#include "shared/read.h"

#include <stdbool.h>
#include <stdint.h>

/* The connections to one endpoint and port, for one name. */
struct report_endpoint {
	uint32_t name; /* place in report.names */
	struct address address;
	uint32_t port; /* host order, with PEER_DATAGRAM or'd in for UDP */
	uint64_t connections, rewritten, failures, retries;
	uint64_t idle_ms;    /* since the last connection, or READ_USED_COARSE_MS less */
	bool ejected;        /* it is passed over, */
	uint64_t ejected_ms; /* for so long; 0: until a connection has tried it */
};

struct report_name {
	struct name_text text;
	uint64_t hash;                      /* name_hash of text */
	uint64_t absolute_hash;             /* of its absolute name; 0: it is one, or not known */
	uint32_t absolute;                  /* place of its absolute name; its own if it is one */
	uint32_t endpoints[FAMILY_COUNT];   /* that DNS named last */
	uint32_t first_seen, seen;          /* its part of report.endpoints: where, how many */
	enum mode_order order;              /* for this name alone */
	bool refreshed, answered;           /* ever */
	uint64_t refreshed_ms, answered_ms; /* since the last refresh, the last good answer */
	uint32_t outcome; /* enum dns_outcome of the last refresh, or any number */
	uint64_t interval_ms, ttl_s;
	uint64_t refreshes, refresh_failures, changes;
	uint64_t connections, rewritten, failures, retries; /* of all its endpoints */
	uint64_t passed[LEAVE_COUNT];                       /* left alone, also under its aliases */
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
	enum report_life life; /* LIFE_UNKNOWN until processes_look */
};

/* A rewritten connection. */
struct report_rewrite {
	uint64_t at_ms; /* since 1970 */
	struct read_rewrite rewrite;
	uint32_t name; /* place in report.names; name_count if it is gone */
};

/* Has no pointers, because a child may make it, in memory that both have (source_memory). */
struct report {
	enum mode_order order; /* for all names */
	uint64_t without_room; /* lookups that were libc's alone: their process had no room for */
	uint64_t without_room_ms; /* one more name; since the last of them, if there was any */
	uint32_t name_count, endpoint_count, process_count, rewrite_count;
	struct report_name names[SHARED_NAMES];            /* by text */
	struct report_endpoint endpoints[SHARED_TALLIES];  /* by name, port and address */
	struct report_process processes[SHARED_PROCESSES]; /* the last to refresh at first */
	struct report_rewrite rewrites[SHARED_REWRITES];   /* the oldest at first */
};

/* Makes the report of shared(), which shared_open has attached, if only to be read. */
void report_take(struct report *report);

#endif

/* Reading the shared memory from outside: the front door for programs that look at it, so that a
 * change of layout.h ends here.
 *
 * Each function copies one record of shared() (shared_open makes it another user's) into a plain
 * struct, and is false if the record is unused, or so that it was half written when it was read.
 * All else may be any number: other processes write meanwhile, and nothing there is trusted. Times
 * ending in _ms are of clock_ms(). Any thread, any signal handler. */
#ifndef LBDNS_SHARED_READ_H
#define LBDNS_SHARED_READ_H

#include "base/address.h"
#include "base/config.h"
#include "base/name.h"
#include "base/reason.h"
#include "shared/layout.h"
#include "shared/mode.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of a name. The fields are those of struct shared_name. */
struct read_name {
	struct name_text text; /* whose name_hash is hash */
	uint64_t hash, absolute;
	enum mode_order order; /* for this name alone */
	uint64_t refreshed_ms, good_ms, interval_ms, ttl_s;
	uint32_t outcome;
	uint64_t refreshes, refresh_failures, changes;
	uint32_t endpoints[FAMILY_COUNT];
	uint64_t passed[LEAVE_COUNT];
};

/* place is below SHARED_NAMES. */
bool read_name(uint32_t place, struct read_name *name);

/* Returns how many lookups were libc's alone, because their process had no room for one more name;
 * *last_ms is when the last of them was. */
uint64_t read_without_room(uint64_t *last_ms);

/* The connections to an endpoint on a port, for a name. */
struct read_endpoint {
	uint64_t name; /* name_hash; not 0 */
	struct address address;
	uint32_t port; /* host order, with PEER_DATAGRAM or'd in for UDP */
	uint64_t kept, rewritten, failures, retries;
	uint64_t used_ms; /* the last connection, up to READ_USED_COARSE_MS too early */
};

enum { READ_USED_COARSE_MS = 16 * 1024 };

/* place is below SHARED_TALLIES. One endpoint may have several, which are to be added up. */
bool read_endpoint(uint32_t place, struct read_endpoint *endpoint);

/* A process that has refreshed names. */
struct read_process {
	uint64_t pid;           /* in its own PID namespace; not 0 */
	uint64_t pid_namespace; /* its inode; 0: not known */
	uint64_t started_ms, seen_ms, refreshes;
	enum config_mode mode; /* its LBDNS_MODE */
	char name[17];         /* any bytes; ends with NUL */
};

/* place is below SHARED_PROCESSES. */
bool read_process(uint32_t place, struct read_process *process);

/* A rewritten connection. */
struct read_rewrite {
	uint64_t name, at_ms;
	struct address asked, endpoint;
	uint32_t port;
	int result; /* an errno; EINPROGRESS if nobody knows yet, 0 if it was made */
};

/* Returns how many rewritten connections were recorded. */
uint64_t read_rewrite_count(void);

/* turn is one of the SHARED_REWRITES numbers below read_rewrite_count, modulo 2^64. */
bool read_rewrite(uint64_t turn, struct read_rewrite *rewrite);

#endif

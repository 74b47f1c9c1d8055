/* What c-ares runs on instead of libc: memory and sockets of a query's own, so that c-ares never
 * meets the client's malloc, its hooks or its socket functions. What else c-ares calls in libc is
 * in cares_libc.c. The refresh thread only: not thread-safe. */
#ifndef LBDNS_DNS_CARES_H
#define LBDNS_DNS_CARES_H

/* 1.34 deprecates what 1.18 has nothing else for. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "dns/resolvconf.h"

#include <stdbool.h>
#include <stddef.h>

/* 4,000 addresses need less than 1 MiB. */
enum { CARES_ARENA_LIMIT = 16 << 20 };

struct cares_arena;

/* Returns memory that is given back all at once and that no forked child sees; NULL if there is
 * none. An arena grows as it is used, to CARES_ARENA_LIMIT. */
struct cares_arena *cares_arena_open(void);
void cares_arena_close(struct cares_arena *arena);

/* Names the arena that c-ares allocates from until the next call. Call it before any ares_
 * function. */
void cares_enter(struct cares_arena *arena);

/* Allocate from the arena entered, as malloc(3) and calloc(3) do; aligned to 16. NULL if there is
 * no memory. */
void *cares_alloc(size_t size);
void *cares_alloc_zeroed(size_t size);

/* How a channel is to ask. */
struct cares_way {
	const char *servers; /* as ares_set_servers_ports_csv(3) takes it, one at least */
	int try_ms;          /* how long a server may take; it doubles once all were tried */
	int tries;
	bool edns, tcp;
};

/* What the sockets of a channel know of. */
struct cares_wire {
	const struct resolvconf_scope *scopes; /* RESOLVCONF_SERVERS of them */
	bool error_heard; /* a server has answered FORMERR, SERVFAIL, NOTIMP or REFUSED */
};

/* Opens a channel in the arena entered, with sockets of ours. Returns an ARES_ status. wire is read
 * and written until the channel is destroyed. No file and no environment is read. */
int cares_channel_open(ares_channel *channel, const struct cares_way *way, struct cares_wire *wire);

#endif

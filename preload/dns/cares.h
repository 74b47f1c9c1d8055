/* What c-ares runs on instead of libc: memory and sockets of a query's own.
 *
 * The client's malloc, its hooks and its descriptors' functions are never met. What else c-ares
 * calls in libc is in cares_libc.c. The refresh thread only: not thread-safe. */
#ifndef LBDNS_DNS_CARES_H
#define LBDNS_DNS_CARES_H

/* 1.34 deprecates what 1.18 has nothing else for. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <stddef.h>

/* 4,000 addresses need less than 1 MiB. */
enum { CARES_ARENA_LIMIT = 16 << 20 };

struct cares_arena;

/* Memory that is given back all at once, never seen by a forked child; NULL if there is none. Grows
 * as it is used, to CARES_ARENA_LIMIT. */
struct cares_arena *cares_arena_open(void);
void cares_arena_close(struct cares_arena *arena);

/* The arena that c-ares allocates from until the next call: to be named before any other ares_
 * function. */
void cares_enter(struct cares_arena *arena);

/* As malloc(3), calloc(3) of one, from the arena entered; aligned to 16. */
void *cares_alloc(size_t size);
void *cares_alloc_zeroed(size_t size);

/* A channel in the arena entered, with our sockets; an ARES_ status. servers is as
 * ares_set_servers_ports_csv(3) takes it, one at least. No file and no environment is read. try_ms
 * doubles once all servers were tried. */
int cares_channel_open(ares_channel *channel, const char *servers, int try_ms, int tries);

#endif

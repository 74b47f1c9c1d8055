/* The queries under way: DNS is asked again for each name that is due, many at the same time. The
 * refresh thread only, except queries_read_conf. */
#ifndef LBDNS_REFRESH_QUERIES_H
#define LBDNS_REFRESH_QUERIES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	QUERIES_MS = 5000 /* how long DNS may take for one name */
};

/* Reads resolv.conf, and looks at the other files that libc goes by; while resolv.conf cannot be
 * read, what it said before is used. For the refresh thread, or the thread that is about to start
 * it. */
void queries_read_conf(void);

/* Begins: forgets all queries, because a forked child's thread finds those of its parent's.
 * client_name, of 16 bytes, is the name of the thread that started this one (for counters_process);
 * the pointer is kept. */
void queries_begin(const char *client_name);

/* Asks DNS for all that is due at now_ms. Returns when the next name will be due (clock_ms);
 * UINT64_MAX: none. */
uint64_t queries_start(uint64_t now_ms);

/* Returns true if any query is under way. */
bool queries_any(void);

/* Waits for answers, for timeout_ms at most, and takes in those that came. */
void queries_step(int timeout_ms);

/* Ends all queries. */
void queries_drop(void);

#endif

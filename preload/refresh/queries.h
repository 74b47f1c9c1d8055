/* The queries under way: DNS is asked again for each name that is due, many at the same time.
 *
 * All of it is for the refresh thread, but for queries_read_conf. */
#ifndef LBDNS_REFRESH_QUERIES_H
#define LBDNS_REFRESH_QUERIES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	QUERIES_MS = 5000 /* how long DNS may take for one name */
};

/* Reads resolv.conf; while it cannot be read, what it was before is used. The refresh thread, or
 * who is about to start it. */
void queries_read_conf(void);

/* The thread begins: a child's finds what its parent's was at, and forgets it. client_name, of 16
 * bytes, is that of the thread that started it (for counters_process), and is kept. */
void queries_begin(const char *client_name);

/* Asks DNS for what is due; returns when the next will be. */
uint64_t queries_start(uint64_t now_ms);

/* Is any under way? */
bool queries_any(void);

/* Waits for answers, for so long at most, and takes in those that came. */
void queries_step(int timeout_ms);

/* Ends them all. */
void queries_drop(void);

#endif

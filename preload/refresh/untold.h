/* Services of which this process looks names up, and of whose endpoints it is never told how
 * connects end (directory/service.h): their endpoints are tried once in LBDNS_EJECT, by a
 * connection on which nothing is sent, at the port that lookups name, or that others connect to.
 * The refresh thread only. */
#ifndef LBDNS_REFRESH_UNTOLD_H
#define LBDNS_REFRESH_UNTOLD_H

#include <stdint.h>

/* Has those tried whose time it is (balance/trial.h). Returns when to call again (clock_ms);
 * UINT64_MAX if there is nothing to try. */
uint64_t untold_step(uint64_t now_ms);

#endif

/* DNS: one name into addresses and TTL, by c-ares.
 *
 * A query never blocks: resolver_start sends, then the caller polls the descriptors and calls
 * resolver_step until it says done. Each query has a c-ares channel, sockets and memory of its own,
 * which resolver_end gives back; queries share nothing. The refresh thread only: not thread-safe.
 */
#ifndef LBDNS_DNS_RESOLVER_H
#define LBDNS_DNS_RESOLVER_H

#include "base/address.h"
#include "base/answer.h"
#include "base/config.h"
#include "dns/resolvconf.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESOLVER_POLLFDS = 16 };

struct resolver_query;

/* Asks for a name. With absolute true it is taken as it is; else as libc would: by ndots and the
 * search list of conf, one candidate after another until one has data in a family asked for
 * (resolv.conf(5)); a name that ends in a dot is absolute too. A candidate that has no data and
 * fails in a family ends the search: that family has failed, and so has the other one, unless this
 * was the last candidate anyway. families is a set of FAMILY_BITs. conf is copied; its servers are
 * asked, or those of LBDNS_NAMESERVERS. deadline_ms is how long all of it may take: servers are
 * given up early enough for the next one to be asked, and one alone is asked only once, for all of
 * deadline_ms. NULL if there is no memory. After a fork the
 * child has none of its parent's queries: it must not touch them. */
struct resolver_query *resolver_start(const char *name, bool absolute, unsigned families,
                                      const struct resolvconf *conf, uint32_t deadline_ms);

/* Fills in what to poll for; returns how many, and lowers *timeout_ms (negative: none yet) to when
 * resolver_step wants to be called at the latest: 0 once the answer is complete, as it may be from
 * the start. */
unsigned resolver_pollfds(struct resolver_query *query, struct pollfd pollfds[RESOLVER_POLLFDS],
                          int *timeout_ms);

/* Goes on with what arrived. True once the answer is complete (or given up). */
bool resolver_step(struct resolver_query *query, const struct pollfd *pollfds, unsigned count);

/* Returns the answer, which the query owns: valid until resolver_end. Only once resolver_step
 * returned true. */
const struct answer *resolver_answer(const struct resolver_query *query);

/* Ends a query, complete or not, and gives back all it held. NULL is allowed. */
void resolver_end(struct resolver_query *query);

#endif

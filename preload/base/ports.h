/* Sets of ports, by what LBDNS_NAMES and LBDNS_EXCLUDE say of names: a bit for each port that
 * either of them has, which is its index in config.ports, and PORTS_OTHERS for all others. Any
 * thread, any signal handler. */
#ifndef LBDNS_BASE_PORTS_H
#define LBDNS_BASE_PORTS_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Macros, because an enum would be signed. */
#define PORTS_ALL    UINT64_MAX
#define PORTS_OTHERS (UINT64_C(1) << CONFIG_PORTS)

/* At which ports connections to a name rotate: at those that are listed, but for the excluded ones.
 * Without LBDNS_NAMES all are listed. */
struct port_rule {
	uint64_t listed, excluded;
};

/* Returns the set of one port, in host order. */
static inline uint64_t ports_of(uint16_t port)
{
	for (uint32_t i = 0; i < config.port_count; i++)
		if (config.ports[i] == port)
			return UINT64_C(1) << i;
	return PORTS_OTHERS;
}

/* Returns true if the port of a peer (struct peer) is in a set. */
static inline bool ports_have(uint64_t ports, uint32_t port)
{
	return ports == PORTS_ALL || ports & ports_of(port & UINT16_MAX);
}

/* Returns at which ports connections rotate by a rule. */
static inline uint64_t ports_by(struct port_rule rule)
{
	return rule.listed & ~rule.excluded;
}

/* Returns the rule of two names that are one: what either lists, without what either excludes. */
static inline struct port_rule ports_of_both(struct port_rule a, struct port_rule b)
{
	return (struct port_rule){a.listed | b.listed, a.excluded | b.excluded};
}

#endif

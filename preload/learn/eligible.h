/* Which names the settings let us manage: LBDNS_NAMES, LBDNS_EXCLUDE, and localhost, which never
 * is. Any thread; not in a signal handler. */
#ifndef LBDNS_LEARN_ELIGIBLE_H
#define LBDNS_LEARN_ELIGIBLE_H

#include "base/name.h"
#include "base/ports.h"

#include <stdbool.h>

enum eligible_verdict {
	ELIGIBLE_NEVER,      /* excluded, not listed, or localhost */
	ELIGIBLE_BY_ADDRESS, /* managed if its addresses are eligible */
	ELIGIBLE_LISTED      /* managed because LBDNS_NAMES says so */
};

struct eligible {
	enum eligible_verdict verdict; /* ELIGIBLE_NEVER: also if no port is left */
	struct port_rule ports;
};

/* Judges a name before its absolute name is known: a short name counts as listed or excluded if any
 * name that the search list makes of it is. Reads resolv.conf if a pattern could need it. */
struct eligible eligible_judge(const struct name_text *asked);

/* Judges a name once its absolute name (without trailing dot) is known. */
struct eligible eligible_judge_absolute(const struct name_text *asked, const char *absolute);

/* Returns true if the name is an exact name of LBDNS_NAMES, with a port or without. */
bool eligible_is_exact(const struct name_text *name);

/* Returns true if LBDNS_NAMES has any exact name. */
bool eligible_any_exact(void);

#endif

/* Names as clients write them, and what the settings say of them. Any thread. */
#ifndef LBDNS_BASE_NAME_H
#define LBDNS_BASE_NAME_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

/* A name in lower case, padded with NULs so that whole words can be compared. A trailing dot is
 * kept: "rng." and "rng" are different questions. */
struct name_text {
	char text[CONFIG_NAME_SIZE];
};

/* False for what is no DNS name that we would manage: empty, longer than 253 characters, or with
 * characters other than letters, digits, '-', '_' and '.'; such a name is still looked up by libc.
 */
bool names_normalize(const char *from, struct name_text *name);

/* Would libc take it for an IPv4 address (inet_aton(3))? No top-level domain is a number. */
bool names_is_numeric(const struct name_text *name);

uint64_t names_hash(const struct name_text *name);

enum names_verdict {
	NAMES_LEAVE, /* excluded, not listed, or localhost */
	NAMES_AUTO,  /* managed if its addresses are eligible */
	NAMES_LISTED /* managed because LBDNS_NAMES says so */
};

/* Before the absolute name is known: a short name counts as listed or excluded if any name that the
 * search list makes of it is. Reads resolv.conf, if a pattern could want it. */
enum names_verdict names_judge(const struct name_text *asked);

/* Once the absolute name (no trailing dot) is known. */
enum names_verdict names_judge_absolute(const struct name_text *asked, const char *absolute);

/* Is it an exact name of LBDNS_NAMES? Is there any? */
bool names_is_exact(const struct name_text *name);
bool names_any_exact(void);

#endif

/* Names that libc has answered with one address, and so far with no more. A client that keeps such
 * an answer would never see that the service has grown: so once it still connects to that address
 * SINGLES_WAIT_MS after it last looked the name up, DNS is asked for the name too.
 *
 * Bounded: a name that finds no room takes the place of the one that was looked up the longest ago.
 * Any thread, any signal handler, unless said otherwise. */
#ifndef LBDNS_DIRECTORY_SINGLES_H
#define LBDNS_DIRECTORY_SINGLES_H

#include "base/address.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/name.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SINGLES = 64,
	SINGLES_WAIT_MS = 30 * 1000,
	/* Between two questions for such a name, of which due_ms takes up to a fifth. */
	SINGLES_INTERVAL_MS = SINGLES_WAIT_MS / 4 * 5
};

struct single {
	struct name_text name;
	unsigned asked;                       /* families, as FAMILY_BITs */
	unsigned has;                         /* those with an address */
	struct address address[FAMILY_COUNT]; /* of those in `has` */
};

/* Returns how long after one question DNS is asked for such a name again, at the earliest. */
static inline uint32_t singles_interval_ms(void)
{
	return config.refresh_ms > SINGLES_INTERVAL_MS ? config.refresh_ms : SINGLES_INTERVAL_MS;
}

/* Notes that a name was looked up, and what libc said. */
void singles_note(const struct single *single);

/* Forgets a name, because it is managed now. */
void singles_forget(const struct name_text *name);

/* Any name was noted. singles.c alone writes it. */
extern HIDDEN atomic_bool singles_noted;

/* Returns true if there may be a name that a connect is for. */
static inline bool singles_any(void)
{
	return atomic_load_explicit(&singles_noted, memory_order_relaxed);
}

/* Notes a connect to an address. Returns true if DNS is to be asked for a name because of it:
 * singles_take has it then. */
bool singles_connected(struct address address);

/* Takes a name that DNS is to be asked for. Returns false if there is none. The refresh thread. */
bool singles_take(struct single *single);

#endif

/* Canonical names (AI_CANONNAME): libc's own words, kept for as long as DNS says the same. Where it
 * says something else an alias has a new target, or libc's are from elsewhere: the next lookup that
 * wants the name goes to libc. Not in a signal handler. */
#ifndef LBDNS_LEARN_CANONICAL_H
#define LBDNS_LEARN_CANONICAL_H

#include "base/answer.h"
#include "base/name.h"
#include "directory/listing.h"
#include "learn/draft.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes the canonical name from an answer of libc's whose addresses are known already
 * (known_agrees), if it has one that is not known, and the right to write is to be had. Any thread.
 */
void canonical_learn(const struct name_text *name, const struct listing *listing,
                     const struct answer *answer);

/* Forgets what libc said of a service's names where DNS says another canonical name. Returns true
 * if that changes the draft. The writer. */
bool canonical_forget(struct draft *draft, uint32_t service, const struct answer *answer);

#endif

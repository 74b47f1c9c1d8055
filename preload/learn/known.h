/* What is known already, for answers of libc's that say nothing else. Any thread; not in a signal
 * handler. */
#ifndef LBDNS_LEARN_KNOWN_H
#define LBDNS_LEARN_KNOWN_H

#include "base/address.h"
#include "base/answer.h"
#include "base/name.h"
#include "directory/listing.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns true if an address is in a service's pool. */
bool known_is_endpoint(uint32_t service, struct address address);

/* Takes in an answer of which nothing is to be learned: it says what is known, or DNS is asked for
 * the name anyway, and says more than one answer of libc that was not due, because that may come
 * from a cache. Only addresses that DNS does not have yet are claimed, so that a connection to one
 * is not taken for another pool's. Returns false if the answer is to be learned. */
bool known_agrees(const struct name_text *name, const struct listing *listing,
                  const struct answer *answer);

#endif

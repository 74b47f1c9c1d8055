/* What libc's answers teach: pools for names that are eligible, claims for all else. Any thread;
 * not in a signal handler. */
#ifndef LBDNS_LEARN_FROM_LIBC_H
#define LBDNS_LEARN_FROM_LIBC_H

#include "base/address.h"
#include "base/answer.h"
#include "base/name.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes in an answer of libc: a pool if the name is eligible, else claims. Returns before the
 * client has the answer. True if the name is managed now. */
bool learn_from_libc(const struct name_text *name, const struct directory_answer *answer);

/* Claims for what libc gave for something that is no name (a numeric literal): key tells one from
 * another. */
void learn_claim(uint64_t key, struct address address);

#endif

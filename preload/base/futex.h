/* Waiting without libc, whose functions are cancellation points and may be the client's. Never a
 * busy loop, whatever a seccomp filter refuses. Any thread. */
#ifndef LBDNS_BASE_FUTEX_H
#define LBDNS_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

void futex_sleep(uint64_t ms);

/* Until somebody wakes who waits for the word, unless it is something else than value; at most so
 * long. May return early. */
void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ms);

/* Wakes one who waits. */
void futex_wake(_Atomic uint32_t *word);

#endif

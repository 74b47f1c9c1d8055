/* Waiting without libc, whose functions are cancellation points and may be the client's. Never a
 * busy loop, whatever a seccomp filter refuses. Any thread. */
#ifndef LBDNS_BASE_FUTEX_H
#define LBDNS_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

void wait_ms(uint64_t ms);

/* Until somebody wakes who waits for the word, unless it is something else than value; at most so
 * long. May return early. */
void wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ms);

/* Wakes one who waits. */
void wait_end(_Atomic uint32_t *word);

#endif

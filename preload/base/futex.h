/* Waiting without libc, whose functions are cancellation points and may be the client's. No wait
 * becomes a busy loop, whatever a seccomp filter refuses. Any thread. */
#ifndef LBDNS_BASE_FUTEX_H
#define LBDNS_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Sleeps for so long; less if a signal comes. */
void futex_sleep(uint64_t ms);

/* Waits until somebody wakes the waiters of the word, or for so long; not at all if the word is not
 * `value`. May return early. */
void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ms);

/* Wakes one waiter of the word. */
void futex_wake(_Atomic uint32_t *word);

#endif

/* Silence: connects without an answer, looked at by the refresh thread, which ends those that would
 * wait for minutes and tells of endpoints that swallow packets. The refresh thread only. */
#ifndef LBDNS_REFRESH_SILENCE_H
#define LBDNS_REFRESH_SILENCE_H

#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* The refresh thread: looks at what has been pending for too long (balance/inflight.h). Returns
 * when it wants to look again, UINT64_MAX if nothing is pending. */
uint64_t silence_watch(uint64_t now_ms);

/* Finds the next endpoint, counting from *index, that did not answer a repeated SYN for 3 s, or
 * until its client gave up; each once. Lowers *next_ms to when it wants to look again. */
bool silence_next(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct peer *peer);

/* The refresh thread, when it starts, and before it ends: are the descriptors its own? */
void silence_begin(bool own_descriptors);
void silence_end(void);

#endif

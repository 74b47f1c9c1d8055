/* Silence: connects without an answer. The refresh thread looks at them, ends those in which a
 * client would wait for minutes, and reports endpoints that swallow packets. The refresh thread
 * only. */
#ifndef LBDNS_REFRESH_SILENCE_H
#define LBDNS_REFRESH_SILENCE_H

#include "base/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* Looks at the connects that have been under way for too long (balance/inflight.h). Returns when to
 * look again (clock_ms); UINT64_MAX if none is under way. */
uint64_t silence_watch(uint64_t now_ms);

/* Finds the next endpoint, counting from *index, that did not answer a repeated SYN for 3 s, or
 * until its client gave up; each once. Returns false if there is none. Lowers *next_ms to when to
 * look again. */
bool silence_next(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct peer *peer);

/* Begins, when the thread starts: own_descriptors if it has a table of its own (fd_table.h). Ends,
 * before the thread ends, after a last look at connects that only the thread would end. */
void silence_begin(bool own_descriptors);
void silence_end(void);

#endif

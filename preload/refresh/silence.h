/* Silence: connects without an answer. The refresh thread looks at the kernel's table of sockets
 * while one of this process is overdue (balance/inflight.h), and tells learn/result.h of all that
 * are; and it ends those in which a client would wait for minutes. The refresh thread only. */
#ifndef LBDNS_REFRESH_SILENCE_H
#define LBDNS_REFRESH_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Looks at the connects that have been under way for too long. Returns when to look again
 * (clock_ms); UINT64_MAX if none is under way. */
uint64_t silence_watch(uint64_t now_ms);

/* Begins, when the thread starts; own_descriptors is whether it has a table of its own
 * (fd_table.h). */
void silence_begin(bool own_descriptors);

/* Ends, before the thread ends: cuts connects short that only the thread would end. */
void silence_end(void);

#endif

/* Whether the client's sockets block. Nothing but fcntl(2) tells beforehand, and how connect(2)
 * ends tells afterwards. A client mostly goes on as it has; but nobody relies on that where a wrong
 * guess could keep it waiting at a silent endpoint, because one that does not block may always have
 * a socket that does. Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_CONNECTION_BLOCKING_H
#define LBDNS_CONNECTION_BLOCKING_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/kernel.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What the last socket did of which anybody knew; blocking_note alone writes it. */
enum blocking { BLOCKING_UNKNOWN, BLOCKING_YES, BLOCKING_NO };

extern HIDDEN _Atomic uint32_t blocking_last;

/* Records what the last socket did, or how its connect ended: EINPROGRESS says that it did not
 * block. */
static inline void blocking_note(bool blocks)
{
	enum blocking now = blocks ? BLOCKING_YES : BLOCKING_NO;

	if (load_relaxed(&blocking_last) != now)
		store_relaxed(&blocking_last, now);
}

/* Returns true if a socket blocks, and remembers it: one system call. */
FAST bool blocking_ask(int fd)
{
	long flags = kernel_call(SYS_fcntl, fd, F_GETFL);
	bool blocks = flags >= 0 && !(flags & O_NONBLOCK);

	blocking_note(blocks);
	return blocks;
}

/* Did the last socket block? False if none was seen. A socket that does not, taken for one that
 * does, costs system calls and nothing else. */
static inline bool blocking_is_likely(void)
{
	return load_relaxed(&blocking_last) == BLOCKING_YES;
}

/* Did the last socket not block? False if none was seen. */
static inline bool blocking_is_unlikely(void)
{
	return load_relaxed(&blocking_last) == BLOCKING_NO;
}

#endif

/* connect to an endpoint, and to another one if that fails. */
#ifndef LBDNS_CONNECTION_RETRY_H
#define LBDNS_CONNECTION_RETRY_H

#include "balance/inflight.h"
#include "balance/inflight_table.h"
#include "balance/pick.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "directory/route.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* libc's connect, with another address in the client's sockaddr: same family, same port. */
int connect_to(int fd, const struct sockaddr *address, socklen_t length, struct address target);

/* Connects a fresh stream socket to picked->target. A blocking socket goes on to other endpoints if
 * that fails, up to LBDNS_ATTEMPTS in all; what is returned is the outcome of the last. */
int connect_retry(int fd, const struct sockaddr *address, socklen_t length, struct route *route,
                  uint16_t port, struct pick *picked);

/* ---- The parts of it that connect's usual way does by itself */

/* The first attempt of a socket that blocks, which a silent endpoint must not keep for minutes. */
struct connect_first {
	struct inflight *inflight; /* NULL: nobody watches it */
	bool cut;                  /* the refresh thread will cut it short */
	bool told;                 /* and has told that it failed */
	int syn_count; /* the client's, if the socket may have LIMITED_SYN_COUNT now; or 0 */
};

static inline long connect_get_syn_count(int fd, int *count)
{
	socklen_t length = sizeof(*count);

	return kernel_get_option(fd, IPPROTO_TCP, TCP_SYNCNT, count, &length);
}

static inline void connect_set_syn_count(int fd, int count)
{
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count));
}

/* Returns the client's count, 0 if the socket keeps it. */
static inline int connect_shorten(int fd)
{
	int count;

	if (connect_get_syn_count(fd, &count) || count <= LIMITED_SYN_COUNT)
		return 0;
	connect_set_syn_count(fd, LIMITED_SYN_COUNT);
	return count;
}

/* Before connect is called, now. alone: no other thread makes connections. */
static inline struct connect_first connect_first_begins(int fd, struct address target,
                                                        uint16_t port, uint64_t now_ms, bool alone)
{
	struct connect_first first = {.cut = inflight_may_limit()};

	if (first.cut)
		first.inflight = inflight_begin(fd, target, port, now_ms,
		                                alone ? INFLIGHT_LIMIT_PRIVATE : INFLIGHT_LIMIT);
	else if (!alone)
		first.inflight = inflight_begin(fd, target, port, now_ms, INFLIGHT_WAITS);
	/* The refresh thread may be about to leave, and have looked already at what is pending. */
	if (!first.inflight || !inflight_may_limit())
		first.cut = false;
	if (!first.cut)
		first.syn_count = connect_shorten(fd);
	return first;
}

/* It has returned, with 0 or an errno. */
static inline void connect_first_ended(struct connect_first *first, int fd, int error)
{
	struct inflight_ending end;

	if (!first->inflight)
		return;
	end = inflight_end(first->inflight, fd, error);
	first->told = end.told;
	if (end.syn_count)
		first->syn_count = end.syn_count;
}

/* From then on the client may have done anything to the descriptor while connect waited. */
enum { CONNECT_AWHILE_MS = 20 };

/* It has returned: is the connection made, and is nothing more to be said or done? Began at. */
static inline bool connect_first_is_good(struct connect_first *first, int fd, uint64_t at_ms,
                                         int error)
{
	connect_first_ended(first, fd, error);
	if (__builtin_expect(error, 0))
		return false;
	if (!first->syn_count)
		return true;
	if (first->cut || clock_since(at_ms, clock_ms()) >= CONNECT_AWHILE_MS)
		return false;
	connect_set_syn_count(fd, first->syn_count);
	return true;
}

/* What connect_retry does after the first attempt. The connection has been counted; picked is of
 * the address asked. Returns 0, or the errno of the last attempt; errno itself may be anything. */
int connect_retry_after(int fd, const struct sockaddr *address, socklen_t length,
                        struct address asked, uint16_t port, struct pick *picked,
                        const struct connect_first *first, int error);

#endif

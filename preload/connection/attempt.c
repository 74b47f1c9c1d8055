#include "connection/attempt.h"

#include "base/attributes.h"
#include "base/libc.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include "base/poison.h"

static SELDOM int connect_any(int fd, const struct sockaddr *address, socklen_t length,
                              struct address target)
{
	struct sockaddr_in6 changed;

	if (length > sizeof(changed))
		length = sizeof(changed);
	memcpy(&changed, address, length);
	if (!address_into_sockaddr(target, (struct sockaddr *)&changed))
		return libc()->connect(fd, address, length);
	return libc()->connect(fd, (struct sockaddr *)&changed, length);
}

int attempt_connect(int fd, const struct sockaddr *address, socklen_t length, struct address target)
{
	struct sockaddr_in changed;

	if (length != sizeof(changed) || address_sockaddr_family(address) != AF_INET ||
	    address_family(target) != FAMILY_V4)
		return connect_any(fd, address, length, target);
	memcpy(&changed, address, sizeof(changed));
	changed.sin_addr.s_addr = htobe32((uint32_t)target.low);
	return libc_real.connect(fd, (struct sockaddr *)&changed, sizeof(changed));
}

int attempt_to(int fd, const struct sockaddr *address, socklen_t length, const struct pick *pick)
{
	return pick->kind == PICK_ASKED
	               ? libc()->connect(fd, address, length)
	               : attempt_connect(fd, address, length, pick->target.address);
}

/* ---- The time of an attempt */

void attempt_set_send_timeout(int fd, uint64_t ms)
{
	struct timeval timeout = {.tv_sec = (time_t)(ms / 1000),
	                          .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	kernel_set_option(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

SELDOM unsigned attempt_bound(int fd)
{
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);
	struct address address;
	uint16_t port;

	if (kernel_call(SYS_getsockname, fd, &own, &length) ||
	    !address_from_sockaddr((struct sockaddr *)&own, length, &address, &port))
		return BOUND_ALL;
	/* neither :: nor 0.0.0.0 */
	return (address.high || (uint32_t)address.low ? BOUND_ADDRESS : 0) |
	       (port ? BOUND_PORT : 0);
}

SELDOM int attempt_limit_multipath(int fd)
{
	struct timeval client;
	socklen_t length = sizeof(client);

	if (attempt_bound(fd) & BOUND_ADDRESS ||
	    kernel_get_option(fd, SOL_SOCKET, SO_SNDTIMEO, &client, &length))
		return 0;
	if (client.tv_sec || client.tv_usec)
		return MULTIPATH_UNBOUND;
	attempt_set_send_timeout(fd, MULTIPATH_MS);
	return MULTIPATH_LIMITED;
}

SELDOM bool attempt_is_multipath_limited(int fd)
{
	struct timeval now;
	socklen_t length = sizeof(now);

	return !kernel_get_option(fd, SOL_SOCKET, SO_SNDTIMEO, &now, &length) &&
	       now.tv_sec == MULTIPATH_MS / 1000 && now.tv_usec == MULTIPATH_MS % 1000 * 1000;
}

SELDOM void attempt_meet_multipath(void)
{
	inflight_limit_never();
}

void attempt_meet(int fd)
{
	static atomic_bool met;
	int protocol = 0;
	socklen_t length = sizeof(protocol);

	if (atomic_load_explicit(&met, memory_order_relaxed))
		return;
	atomic_store_explicit(&met, true, memory_order_relaxed);
	if (!kernel_get_option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) &&
	    protocol == MULTIPATH_PROTOCOL)
		attempt_meet_multipath();
}

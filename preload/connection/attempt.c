#include "connection/attempt.h"

#include "base/attributes.h"
#include "base/libc.h"

#include <string.h>

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
	/* Whoever has learnt an endpoint has found libc (base/libc.h). */
	return libc_real.connect(fd, (struct sockaddr *)&changed, sizeof(changed));
}

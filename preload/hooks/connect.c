#include "directory.h"
#include "hooks/getaddrinfo_a.h"
#include "hooks/hook.h"
#include "hooks/socket_fresh.h"
#include "libc.h"
#include "log.h"
#include "refresher.h"
#include "rotation.h"

#include <netinet/in.h>
#include <string.h>

/* The client's sockaddr with another address in it: same family, same port. */
union target {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void log_connect(const struct directory_picked *picked, struct address asked)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	struct name_text name;

	directory_name(picked->service, &name);
	log_line(LOG_DEBUG, name.text, ": connect ", address_text(asked, from), " -> ",
	         address_text(picked->what == PICK_NONE ? asked : picked->target, to),
	         picked->what == PICK_NONE     ? " (untouched)"
	         : config.mode == MODE_OBSERVE ? " (observed)"
	                                       : "",
	         NULL);
}

/* A client that looked the name up by itself: an exact name in LBDNS_NAMES is resolved now, for the
 * connections after this one. */
static void want_listed(int fd, struct address asked)
{
	if (address_is_private(asked) && socket_fresh(fd) == SOCKET_FRESH_STREAM)
		refresher_nudge(UINT64_MAX, 0);
}

static __attribute__((noinline)) int connect_managed(int fd, const struct sockaddr *address,
                                                     socklen_t length,
                                                     const struct directory_route *route,
                                                     uint16_t port)
{
	enum socket_fresh fresh = socket_fresh(fd);
	struct directory_picked picked = {.target = route->asked};
	union target target;

	/* Longer than any address: the kernel says EINVAL, and would not if we cut it. */
	if (fresh == SOCKET_USED || length > sizeof(struct sockaddr_storage))
		return libc()->connect(fd, address, length);
	directory_pick(route, fresh == SOCKET_FRESH_DATAGRAM ? port | ROTATION_DATAGRAM : port,
	               &picked);
	refresher_nudge(picked.age_ms, picked.interval_ms);
	if (log_wants(LOG_DEBUG))
		log_connect(&picked, route->asked);
	if (picked.what != PICK_OTHER || config.mode == MODE_OBSERVE)
		return libc()->connect(fd, address, length);
	if (length > sizeof(target))
		length = sizeof(target);
	memcpy(&target, address, length);
	if (!address_into_sockaddr(picked.target, &target.any))
		return libc()->connect(fd, address, length);
	return libc()->connect(fd, &target.any, length);
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct directory_route route;
	struct address asked;
	uint16_t port;

	if (config.mode == MODE_OFF || !config.connect || !address ||
	    !address_from_sockaddr(address, length, &asked, &port))
		return libc()->connect(fd, address, length);
	if (directory_route(asked, &route) && !getaddrinfo_a_unseen())
		return connect_managed(fd, address, length, &route, port);
	if (directory_wants_listed())
		want_listed(fd, asked);
	return libc()->connect(fd, address, length);
}

#include "directory.h"
#include "hooks/connect_retry.h"
#include "hooks/getaddrinfo_a.h"
#include "hooks/hook.h"
#include "hooks/socket_state.h"
#include "libc.h"
#include "log.h"
#include "outcome.h"
#include "refresher.h"
#include "rotation.h"

#include <errno.h>

static __attribute__((noinline)) void log_connect(const struct directory_picked *picked,
                                                  struct address asked)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	const char *how = config.mode == MODE_OBSERVE ? " (observed)" : "";
	struct name_text name;

	directory_name(picked->service, &name);
	log_line(LOG_DEBUG, name.text, ": connect ", address_text(asked, from), " -> ",
	         address_text(picked->what == PICK_NONE ? asked : picked->target, to),
	         picked->what == PICK_NONE ? " (untouched)" : how, NULL);
}

/* A client that looked the name up by itself: an exact name in LBDNS_NAMES is resolved now, for the
 * connections after this one. */
static void want_listed(int fd, struct address asked)
{
	if (address_is_private(asked) && socket_state(fd) == SOCKET_FRESH_STREAM)
		refresher_nudge(UINT64_MAX, 0);
}

/* The second connect of a non-blocking socket collects how the first one ended, and then nobody can
 * ask any more whom it was to. */
static int connect_collect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address peer;
	uint16_t port;
	bool known = socket_peer(fd, &peer, &port);
	int status = libc()->connect(fd, address, length);

	if (status && known)
		outcome_note_peer(peer, port, errno);
	return status;
}

static __attribute__((noinline)) int connect_managed(int fd, const struct sockaddr *address,
                                                     socklen_t length,
                                                     struct directory_route *route, uint16_t port)
{
	enum socket_state state = socket_state(fd);
	struct directory_picked picked;
	uint32_t any_port = state == SOCKET_FRESH_DATAGRAM ? port | ROTATION_DATAGRAM : port;

	if (state == SOCKET_ENDED)
		return connect_collect(fd, address, length);
	if (state == SOCKET_USED)
		return libc()->connect(fd, address, length);
	directory_pick(route, any_port, true, &picked);
	refresher_nudge(picked.age_ms, picked.interval_ms);
	if (log_wants(LOG_DEBUG))
		log_connect(&picked, route->asked);
	if (picked.what == PICK_NONE || config.mode == MODE_OBSERVE ||
	    state != SOCKET_FRESH_STREAM) {
		if (picked.what != PICK_OTHER || config.mode == MODE_OBSERVE)
			return libc()->connect(fd, address, length);
		return connect_to(fd, address, length, picked.target);
	}
	return connect_retry(fd, address, length, route, port, &picked);
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct directory_route route;
	struct address asked;
	uint16_t port;

	/* The kernel takes no longer address than that; it is to say so itself. */
	if (config.mode == MODE_OFF || !config.connect || !address ||
	    length > sizeof(struct sockaddr_storage) ||
	    !address_from_sockaddr(address, length, &asked, &port))
		return libc()->connect(fd, address, length);
	if (directory_route(asked, &route) && !getaddrinfo_a_unseen())
		return connect_managed(fd, address, length, &route, port);
	if (directory_wants_listed())
		want_listed(fd, asked);
	return libc()->connect(fd, address, length);
}

#include "counters.h"
#include "directory.h"
#include "hooks/blocking.h"
#include "hooks/connect_log.h"
#include "hooks/connect_retry.h"
#include "hooks/getaddrinfo_a.h"
#include "hooks/hook.h"
#include "hooks/socket_state.h"
#include "libc.h"
#include "log.h"
#include "outcome.h"
#include "pending.h"
#include "probe.h"
#include "refresher.h"
#include "rotation.h"

#include <errno.h>

/* A client that looked the name up by itself: an exact name in LBDNS_NAMES is resolved now, for the
 * connections after this one. */
static __attribute__((noinline)) int connect_unknown(int fd, const struct sockaddr *address,
                                                     socklen_t length)
{
	struct address asked;
	uint16_t port;

	if (directory_wants_listed() && address_from_sockaddr(address, length, &asked, &port) &&
	    address_is_private(asked) && socket_state(fd) == SOCKET_FRESH_STREAM)
		refresher_nudge(UINT64_MAX, 0);
	return libc()->connect(fd, address, length);
}

/* Left alone, whoever is asked for. A descriptor that is no socket is not counted. */
static __attribute__((noinline)) int connect_left(int fd, const struct sockaddr *address,
                                                  socklen_t length, uint64_t sequence,
                                                  int64_t endpoint, enum counters_pass why)
{
	struct directory_route route = {.sequence = sequence, .endpoint = endpoint};
	int status = libc()->connect(fd, address, length);
	uint32_t service;

	if ((!status || (errno != EBADF && errno != ENOTSOCK)) &&
	    directory_service(&route, &service))
		counters_passed(directory_hash(service), why);
	return status;
}

/* The second connect of a non-blocking socket collects how the first one ended, and then nobody can
 * ask any more whom it was to. */
static __attribute__((noinline)) int connect_collect(int fd, const struct sockaddr *address,
                                                     socklen_t length, uint64_t sequence,
                                                     int64_t endpoint)
{
	struct address peer;
	uint16_t port;
	bool known = socket_peer(fd, &peer, &port);
	int status = connect_left(fd, address, length, sequence, endpoint, PASS_SOCKET);

	if (status && known && !pending_ended(fd, errno))
		outcome_note_peer(peer, port, errno);
	return status;
}

/* A connection that is not ours to watch: left alone, observed, or a datagram socket's. */
static __attribute__((noinline)) int connect_plain(int fd, const struct sockaddr *address,
                                                   socklen_t length, uint16_t port, bool datagram,
                                                   struct address asked,
                                                   const struct directory_picked *picked)
{
	bool rotates = picked->what != PICK_NONE && picked->mode == MODE_ON;
	bool changes = picked->what == PICK_OTHER;

	if (picked->what == PICK_NONE)
		counters_passed(picked->name, picked->why);
	else
		counters_connected(picked->name, rotates ? picked->target : asked,
		                   datagram ? port | ROTATION_DATAGRAM : port, rotates && changes,
		                   picked->now_ms);
	if (changes && !rotates)
		counters_passed(picked->name, PASS_OBSERVED);
	if (log_wants(LOG_DEBUG))
		connect_log_plain(picked, asked, port);
	if (rotates && changes)
		return connect_to(fd, address, length, picked->target);
	return libc()->connect(fd, address, length);
}

/* To an address that we may have to do with. Apart from the usual way of all others, and a tail
 * call: signal handlers may have little stack. */
static __attribute__((noinline)) int connect_known(int fd, const struct sockaddr *address,
                                                   socklen_t length)
{
	struct directory_route route;
	struct directory_picked picked;
	enum socket_state state;
	uint16_t port;

	if (!address_from_sockaddr(address, length, &route.asked, &port) ||
	    !directory_route(route.asked, &route) || getaddrinfo_a_unseen())
		return connect_unknown(fd, address, length);
	state = socket_state(fd);
	if (state == SOCKET_ENDED)
		return connect_collect(fd, address, length, route.sequence, route.endpoint);
	if (state != SOCKET_FRESH_STREAM && state != SOCKET_FRESH_DATAGRAM)
		return connect_left(fd, address, length, route.sequence, route.endpoint,
		                    state == SOCKET_OTHER ? PASS_DATAGRAM : PASS_SOCKET);
	directory_pick(&route, state == SOCKET_FRESH_DATAGRAM ? port | ROTATION_DATAGRAM : port,
	               blocking_is_unlikely() && probe_is_possible() ? TRIAL_THREAD : TRIAL_CALLER,
	               &picked);
	if (picked.age_ms > picked.interval_ms)
		refresher_nudge(picked.age_ms, picked.interval_ms);
	if (picked.what == PICK_NONE || picked.mode != MODE_ON || state != SOCKET_FRESH_STREAM)
		return connect_plain(fd, address, length, port, state == SOCKET_FRESH_DATAGRAM,
		                     route.asked, &picked);
	return connect_retry(fd, address, length, &route, port, &picked);
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct address asked;
	uint16_t port;

	/* The kernel takes no longer address than that; it is to say so itself. */
	if (config.mode != MODE_OFF && config.connect &&
	    length <= sizeof(struct sockaddr_storage) &&
	    address_from_sockaddr(address, length, &asked, &port)) {
		if (directory_may_route(asked))
			return connect_known(fd, address, length);
		if (config.listed)
			return connect_unknown(fd, address, length);
	}
	return libc()->connect(fd, address, length);
}

#include "net/probe.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 256, PATIENCE_MS = 3000 };

/* Begins to connect. Returns the socket, with *error EINPROGRESS while nobody knows; or -1. */
static int start(struct address address, uint16_t port, int *error)
{
	bool v6 = address_family(address) == FAMILY_V6;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = {.any = {.sa_family = v6 ? AF_INET6 : AF_INET}};
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	to.v4.sin_port = htons(port); /* sin6_port is at the same place */
	address_into_sockaddr(address, &to.any);
	*error = 0;
	if (fd < 0 || connect(fd, &to.any, v6 ? sizeof(to.v6) : sizeof(to.v4)))
		*error = errno;
	return fd;
}

/* Stores how a connection that was begun has ended. */
static void finish(int fd, int *error)
{
	socklen_t length = sizeof(*error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &length))
		*error = errno;
}

static void probe_some(const struct address *addresses, size_t count, uint16_t port, int *errors)
{
	struct pollfd polls[AT_ONCE];
	uint64_t until_ms = clock_ms() + PATIENCE_MS, now_ms;
	size_t pending = 0;

	for (size_t i = 0; i < count; i++) {
		polls[i] = (struct pollfd){.fd = start(addresses[i], port, &errors[i]),
		                           .events = POLLOUT};
		pending += errors[i] == EINPROGRESS;
	}
	while (pending && (now_ms = clock_ms()) < until_ms) {
		for (size_t i = 0; i < count; i++) /* poll(2) passes over negative descriptors */
			if (polls[i].fd >= 0 && errors[i] != EINPROGRESS) {
				close(polls[i].fd);
				polls[i].fd = -1;
			}
		if (poll(polls, count, (int)(until_ms - now_ms)) <= 0)
			continue;
		for (size_t i = 0; i < count; i++)
			if (polls[i].fd >= 0 && polls[i].revents) {
				finish(polls[i].fd, &errors[i]);
				pending--;
			}
	}
	for (size_t i = 0; i < count; i++) {
		if (errors[i] == EINPROGRESS)
			errors[i] = ETIMEDOUT;
		if (polls[i].fd >= 0)
			close(polls[i].fd);
	}
}

void probe(const struct address *addresses, size_t count, uint16_t port, int *errors)
{
	for (size_t i = 0; i < count; i += AT_ONCE)
		probe_some(addresses + i, count - i < AT_ONCE ? count - i : AT_ONCE, port,
		           errors + i);
}

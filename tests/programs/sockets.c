/*
 * sockets KIND HOST PORT N: one lookup, then N connections to its first address from sockets of an
 * unusual kind; a line for each with the address of the pod it reached, in the pod's own words. For
 * glibc and musl.
 *
 *   fastopen           TCP_FASTOPEN_CONNECT: connect says yes at once, the first write connects
 *   fastopen-nonblock  the same, non-blocking
 *   mptcp              IPPROTO_MPTCP
 *   mptcp-nonblock     the same, non-blocking: connect, poll, connect again to collect
 *   reused             a TCP socket that was connected, and dissolved with AF_UNSPEC (connect(2)),
 *                      each time once before: "<first pod> <second pod>"
 *   udplite            IPPROTO_UDPLITE, connected: "<getpeername>"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sockets: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(int fd, short events)
{
	struct pollfd wanted = {.fd = fd, .events = events};

	if (poll(&wanted, 1, 10000) != 1)
		die("poll");
}

/* Until the pod closes. */
static void ask(int fd, const char *before, bool keep)
{
	char text[1024];
	size_t have = 0;
	ssize_t got;

	if (send(fd, "GET /address HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) != 25)
		die("send");
	while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0))) {
		if (got < 0 && errno == EAGAIN)
			ready(fd, POLLIN);
		else if (got < 0)
			die("recv");
		else
			have += (size_t)got;
	}
	text[have] = '\0';
	if (!strstr(text, "\r\n\r\n"))
		die("no answer");
	text[have - 1] = '\0';
	dprintf(STDOUT_FILENO, "%s%s%s", before, strstr(text, "\r\n\r\n") + 4, keep ? "" : "\n");
	if (!keep)
		close(fd);
}

static int open_socket(const struct addrinfo *to, int type, int protocol)
{
	int fd = socket(to->ai_family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket");
	return fd;
}

static void fastopen(const struct addrinfo *to, int type)
{
	int fd = open_socket(to, SOCK_STREAM | type, 0), on = 1, state;
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)))
		die("TCP_FASTOPEN_CONNECT");
	if (connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect");
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		die("TCP_INFO");
	state = info.tcpi_state;
	if (state == TCP_ESTABLISHED) /* nothing was put off: this would be any connection */
		die("no fast open");
	ask(fd, "", false);
}

static void mptcp(const struct addrinfo *to, int type)
{
	int fd = open_socket(to, SOCK_STREAM | type, IPPROTO_MPTCP);

	if (connect(fd, to->ai_addr, to->ai_addrlen)) {
		if (!type || errno != EINPROGRESS)
			die("connect");
		ready(fd, POLLOUT);
		if (connect(fd, to->ai_addr, to->ai_addrlen) && errno != EISCONN)
			die("second connect");
	}
	ask(fd, "", false);
}

static void reused(const struct addrinfo *to, int type)
{
	int fd = open_socket(to, SOCK_STREAM | type, 0);
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect");
	ask(fd, "", true);
	if (connect(fd, &nowhere, sizeof(nowhere)) || connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect again");
	ask(fd, " ", false);
}

static void udplite(const struct addrinfo *to, int type)
{
	int fd = open_socket(to, SOCK_DGRAM | type, IPPROTO_UDPLITE);
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	if (connect(fd, to->ai_addr, to->ai_addrlen) ||
	    getpeername(fd, (struct sockaddr *)&peer, &length))
		die("connect");
	dprintf(STDOUT_FILENO, "%s\n", inet_ntoa(peer.sin_addr));
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct addrinfo *, int);
		int type;
	} kinds[] = {
		{"fastopen", fastopen, 0}, {"fastopen-nonblock", fastopen, SOCK_NONBLOCK},
		{"mptcp", mptcp, 0},       {"mptcp-nonblock", mptcp, SOCK_NONBLOCK},
		{"reused", reused, 0},     {"udplite", udplite, 0},
	};
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *to;

	if (argc != 5) {
		fputs("usage: sockets KIND HOST PORT N\n", stderr);
		return 2;
	}
	if (getaddrinfo(argv[2], argv[3], &hints, &to))
		die(argv[2]);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (int i = 0; !strcmp(argv[1], kinds[k].name) && i < atoi(argv[4]); i++)
			kinds[k].run(to, kinds[k].type);
	freeaddrinfo(to);
	return 0;
}

/*
 * pod DIRECTORY LOG PORTS ADDRESS...
 *
 * A pod for each ADDRESS: an HTTP server on it (0.0.0.0 or ::, all that nobody else has) and PORTS,
 * which spaces separate. Its process id is in DIRECTORY/ADDRESS.pid, its number in .number.
 *   GET /address    the address the connection reached, and a newline
 *   anything else   the line a service would log: time, the pod's own random number, address
 * UDP on the same ports answers the address to any datagram.
 *
 * LOG gets a line for every accepted TCP connection, before its answer is sent:
 *   <address> <port> <client address> <Host header, - if none came>
 *
 * Returns when all of them listen. SIGTERM: what has been accepted is served, nothing new is
 * accepted. LAB_BACKLOG=N: no more than N + 1 connections wait to be accepted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum kind { FREE, LISTENER, DATAGRAM, CONNECTION };

struct peer {
	enum kind kind;
	bool logged;
	unsigned short port;
	char address[INET6_ADDRSTRLEN];
	char client[INET6_ADDRSTRLEN];
	size_t length;
	char request[2048];
};

static char number[8];
static int log_fd;
static int epoll_fd;
static struct peer **peers; /* by descriptor */
static size_t peers_size;
static volatile sig_atomic_t stopping;

static void die(const char *what)
{
	fprintf(stderr, "pod: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_term(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static unsigned short text_of(const struct sockaddr_storage *address, char *text)
{
	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
		else
			inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
		return ntohs(in6->sin6_port);
	}
	const struct sockaddr_in *in = (const void *)address;
	inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
	return ntohs(in->sin_port);
}

static struct peer *watch(int fd, enum kind kind)
{
	size_t index = (size_t)fd;
	if (index >= peers_size) {
		size_t size = 2 * index + 16;
		struct peer **grown = realloc(peers, size * sizeof(*grown));
		if (!grown)
			die("memory");
		memset(grown + peers_size, 0, (size - peers_size) * sizeof(*grown));
		peers = grown;
		peers_size = size;
	}
	if (!peers[index] && !(peers[index] = malloc(sizeof(struct peer))))
		die("memory");
	struct peer *peer = peers[index];
	peer->kind = kind;
	peer->logged = false;
	peer->length = 0;
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
	return peer;
}

static void unwatch(int fd)
{
	peers[fd]->kind = FREE;
	close(fd);
}

static void listen_on(const struct sockaddr_storage *address, socklen_t length)
{
	static const int on = 1;
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* beside a server of the whole network, 0.0.0.0 */
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	const char *backlog = getenv("LAB_BACKLOG");
	if (bind(fd, (const void *)address, length) || listen(fd, backlog ? atoi(backlog) : 4096))
		die("listen");
	watch(fd, LISTENER);

	int udp = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (udp < 0)
		die("socket");
	setsockopt(udp, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(udp, (const void *)address, length))
		die("bind, UDP");
	struct peer *peer = watch(udp, DATAGRAM);
	text_of(address, peer->address);
}

static void listen_all(const char *address, char *ports)
{
	for (char *text = strtok(ports, " "); text; text = strtok(NULL, " ")) {
		struct sockaddr_storage bound = {0};
		struct sockaddr_in *in = (void *)&bound;
		struct sockaddr_in6 *in6 = (void *)&bound;
		in_port_t port = htons((unsigned short)atoi(text));
		if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
			in->sin_family = AF_INET;
			in->sin_port = port;
			listen_on(&bound, sizeof(*in));
		} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
			in6->sin6_family = AF_INET6;
			in6->sin6_port = port;
			listen_on(&bound, sizeof(*in6));
		} else {
			errno = EINVAL;
			die(address);
		}
	}
}

static void log_connection(struct peer *peer)
{
	if (peer->logged)
		return;
	peer->logged = true;
	const char *host = "-";
	int host_length = 1;
	const char *header = strcasestr(peer->request, "\r\nHost:");
	if (header) {
		host = header + strlen("\r\nHost:");
		host += strspn(host, " \t");
		host_length = (int)strcspn(host, "\r\n");
	}
	char line[2 * INET6_ADDRSTRLEN + 512];
	int length = snprintf(line, sizeof(line), "%s %u %s %.*s\n", peer->address, peer->port,
	                      peer->client, host_length < 256 ? host_length : 256, host);
	if (write(log_fd, line, (size_t)length) != length)
		die("log");
}

static void answer(int fd, const struct peer *peer)
{
	char body[256];
	int length;
	if (!strncmp(peer->request, "GET /address ", strlen("GET /address "))) {
		length = snprintf(body, sizeof(body), "%s\n", peer->address);
	} else {
		struct timespec now;
		struct tm parts;
		char time_text[32];
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &parts);
		strftime(time_text, sizeof(time_text), "%H:%M:%S", &parts);
		length = snprintf(body, sizeof(body), "%s.%03ld rng=%s pod=%s\n", time_text,
		                  now.tv_nsec / 1000000, number, peer->address);
	}
	char response[512];
	length = snprintf(response, sizeof(response),
	                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
	                  "Connection: close\r\n\r\n%s",
	                  length, body);
	/* a fresh socket's buffer takes it whole */
	if (send(fd, response, (size_t)length, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		die("send");
}

static void accept_all(int listener)
{
	for (;;) {
		struct sockaddr_storage client, local;
		socklen_t client_length = sizeof(client), local_length = sizeof(local);
		int fd = accept4(listener, (void *)&client, &client_length,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno == EAGAIN)
				return;
			die("accept");
		}
		struct peer *peer = watch(fd, CONNECTION);
		peer->request[0] = '\0';
		getsockname(fd, (void *)&local, &local_length);
		peer->port = text_of(&local, peer->address);
		text_of(&client, peer->client);
	}
}

static void receive(int fd, struct peer *peer)
{
	size_t space = sizeof(peer->request) - 1 - peer->length;
	ssize_t got = recv(fd, peer->request + peer->length, space, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		peer->length += (size_t)got;
		peer->request[peer->length] = '\0';
		bool complete = strstr(peer->request, "\r\n\r\n") ||
		                peer->length == sizeof(peer->request) - 1;
		if (!complete)
			return;
		log_connection(peer);
		answer(fd, peer);
	}
	log_connection(peer);
	unwatch(fd);
}

static void answer_datagram(int fd, const struct peer *peer)
{
	char datagram[64], text[INET6_ADDRSTRLEN + 1];
	struct sockaddr_storage client;
	socklen_t client_length = sizeof(client);
	if (recvfrom(fd, datagram, sizeof(datagram), 0, (void *)&client, &client_length) < 0)
		return;
	int length = snprintf(text, sizeof(text), "%s\n", peer->address);
	sendto(fd, text, (size_t)length, 0, (void *)&client, client_length);
}

static void close_listeners(void)
{
	for (size_t fd = 0; fd < peers_size; fd++) {
		if (!peers[fd])
			continue;
		if (peers[fd]->kind == LISTENER)
			accept_all((int)fd);
		if (peers[fd]->kind == LISTENER || peers[fd]->kind == DATAGRAM)
			unwatch((int)fd);
	}
}

static bool serving(void)
{
	for (size_t fd = 0; fd < peers_size; fd++)
		if (peers[fd] && peers[fd]->kind != FREE)
			return true;
	return false;
}

static void serve(void)
{
	sigset_t none;
	sigemptyset(&none);
	while (!stopping || serving()) {
		struct epoll_event events[256];
		int count = epoll_pwait(epoll_fd, events, 256, -1, &none);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (peers[fd]->kind == LISTENER)
				accept_all(fd);
			else if (peers[fd]->kind == DATAGRAM)
				answer_datagram(fd, peers[fd]);
			else if (peers[fd]->kind == CONNECTION)
				receive(fd, peers[fd]);
		}
		if (stopping)
			close_listeners();
	}
}

/* DIRECTORY/ADDRESS.KIND has VALUE. */
static void write_file(const char *directory, const char *address, const char *kind, int value)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.%s", directory, address, kind);
	FILE *file = fopen(path, "w");
	if (!file || fprintf(file, "%d\n", value) < 0 || fclose(file))
		die(path);
}

/* A byte to READY when it listens; nothing if it dies. */
static void run(const char *directory, const char *address, char *ports, int ready)
{
	setsid();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		die("epoll_create1");
	listen_all(address, ports);

	unsigned random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		die("getrandom");
	int own = 1000 + (int)(random % 9000);
	snprintf(number, sizeof(number), "%d", own);
	write_file(directory, address, "number", own);
	write_file(directory, address, "pid", getpid());
	if (write(ready, "", 1) != 1)
		die("ready");
	close(ready);
	/* stderr stays: that is where die() speaks */
	if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout))
		die("/dev/null");
	serve();
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fputs("usage: pod DIRECTORY LOG PORTS ADDRESS...\n", stderr);
		return 2;
	}
	log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		die(argv[2]);
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* SIGTERM is taken in epoll_pwait only, so that none is lost */
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	signal(SIGTERM, on_term);

	int ready[2];
	if (pipe(ready))
		die("pipe");
	for (char **address = argv + 4; *address; address++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			close(ready[0]);
			run(argv[1], *address, argv[3], ready[1]);
		}
	}
	close(ready[1]);
	char byte;
	for (int left = argc - 4; left; left--)
		if (read(ready[0], &byte, 1) != 1)
			return 1;
	return 0;
}

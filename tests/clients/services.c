/*
 * services PORT N HOST...: 8 threads make N connections to each HOST, in turn, each after a lookup
 * of its own; prints "<host> <pod>" for each. For HOST with a `+` in front there is only one
 * lookup in each thread.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 8, HOSTS = 16 };

static const char *port;
static char **hosts;
static int host_count, connections;
static atomic_int taken;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "services: %s: %s\n", what, why);
	exit(1);
}

static struct addrinfo *look_up(const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(host, port, &hints, &list);
	if (error)
		die(host, gai_strerror(error));
	return list;
}

static void get(const char *host, const struct addrinfo *to)
{
	char text[1024];
	size_t length = 0;
	ssize_t got;
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
		die(host, strerror(errno));
	int size = snprintf(text, sizeof(text), "GET /address HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
		die("send", strerror(errno));
	while ((got = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
		length += (size_t)got;
	text[length] = '\0';
	close(fd);
	const char *body = strstr(text, "\r\n\r\n");
	if (!body)
		die(host, "no answer");
	flockfile(stdout);
	printf("%s %s", host, body + 4);
	funlockfile(stdout);
}

static void *visit(void *unused)
{
	struct addrinfo *kept[HOSTS] = {NULL};
	int turn;

	while ((turn = atomic_fetch_add(&taken, 1)) < connections * host_count) {
		int h = turn % host_count;
		const char *host = hosts[h];
		if (*host == '+') {
			if (!kept[h])
				kept[h] = look_up(host + 1);
			get(host + 1, kept[h]);
		} else {
			struct addrinfo *list = look_up(host);
			get(host, list);
			freeaddrinfo(list);
		}
	}
	for (int h = 0; h < host_count; h++)
		if (kept[h])
			freeaddrinfo(kept[h]);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	if (argc < 4 || argc > 3 + HOSTS) {
		fputs("usage: services PORT N HOST...\n", stderr);
		return 2;
	}
	port = argv[1];
	connections = atoi(argv[2]);
	hosts = argv + 3;
	host_count = argc - 3;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, visit, NULL))
			die("pthread_create", "failed");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

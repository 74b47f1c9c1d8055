/*
 * services once|each PORT HOST...: for each line N on standard input 8 threads make N connections,
 * to the hosts in turn; prints "<host> <pod>" for each. each: a lookup before every connection;
 * once: one at the start, of which all threads use the first address for ever.
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
static struct addrinfo *kept[HOSTS];
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
	int turn;

	while ((turn = atomic_fetch_add(&taken, 1)) < connections) {
		int host = turn % host_count;
		struct addrinfo *list = kept[host] ? kept[host] : look_up(hosts[host]);

		get(hosts[host], list);
		if (!kept[host])
			freeaddrinfo(list);
	}
	return unused;
}

static void visit_all(void)
{
	pthread_t threads[THREADS];

	atomic_store(&taken, 0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, visit, NULL))
			die("pthread_create", "failed");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[32];

	if (argc < 4 || argc > 3 + HOSTS) {
		fputs("usage: services once|each PORT HOST...\n", stderr);
		return 2;
	}
	port = argv[2];
	hosts = argv + 3;
	host_count = argc - 3;
	for (int i = 0; i < host_count && !strcmp(argv[1], "once"); i++)
		kept[i] = look_up(hosts[i]);
	while (fgets(line, sizeof(line), stdin)) {
		connections = atoi(line);
		visit_all();
	}
	return 0;
}

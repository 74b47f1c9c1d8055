/*
 * blocking HOST PORT RATE SECONDS: RATE connections a second, one lookup, one blocking connect, one
 * request and one reply each, whatever became of those before. tests/rolling/run says what counts
 * and what is printed.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 5, STACK_SIZE = 256 * 1024 };

static const char *host, *port;
static int rate, seconds;
static long began_ms;
static atomic_int next, failed;
static atomic_long longest_ms;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_until(long when_ms)
{
	struct timespec when = {.tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

static int socket_to(const struct addrinfo *to)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* What went wrong, NULL if nothing did. */
static const char *ask(int fd)
{
	static const char request[] = "GET /address HTTP/1.0\r\n\r\n";
	char reply[1024];
	size_t have = 0;
	ssize_t got;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return "send";
	while ((got = recv(fd, reply + have, sizeof(reply) - 1 - have, 0)) > 0)
		have += (size_t)got;
	reply[have] = '\0';
	if (got < 0)
		return "recv";
	return strstr(reply, "\r\n\r\n") ? NULL : "no reply";
}

static const char *connection(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	const char *wrong = NULL;
	int fd;

	if (getaddrinfo(host, port, &hints, &list))
		return "lookup";
	fd = socket_to(list);
	if (fd < 0)
		wrong = "socket";
	else if (connect(fd, list->ai_addr, list->ai_addrlen))
		wrong = "connect";
	else
		wrong = ask(fd);
	freeaddrinfo(list);
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return wrong;
}

static void *client(void *unused)
{
	(void)unused;
	for (;;) {
		int i = atomic_fetch_add(&next, 1);
		const char *wrong;
		long start_ms, took_ms, most_ms = atomic_load(&longest_ms);

		if (i >= rate * seconds)
			return NULL;
		sleep_until(began_ms + i * 1000L / rate);
		start_ms = now_ms();
		errno = 0;
		wrong = connection();
		took_ms = now_ms() - start_ms;
		while (took_ms > most_ms &&
		       !atomic_compare_exchange_weak(&longest_ms, &most_ms, took_ms))
			;
		if (wrong) {
			atomic_fetch_add(&failed, 1);
			dprintf(STDOUT_FILENO, "%ld ms: %s: %s\n", start_ms - began_ms, wrong,
			        strerror(errno));
		}
	}
}

int main(int argc, char **argv)
{
	pthread_attr_t attributes;
	pthread_t *threads;
	int count;

	if (argc != 5) {
		fputs("usage: blocking HOST PORT RATE SECONDS\n", stderr);
		return 2;
	}
	host = argv[1];
	port = argv[2];
	rate = atoi(argv[3]);
	seconds = atoi(argv[4]);
	count = rate * (2 * PATIENCE_S + 1); /* as many may be waiting, at most */
	threads = calloc((size_t)count, sizeof(*threads));
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	dprintf(STDOUT_FILENO, "begins\n");
	began_ms = now_ms() + 100;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, client, NULL))
			return 1;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("made %d failed %d longest %ld ms\n", rate * seconds, failed, longest_ms);
	free(threads);
	return 0;
}

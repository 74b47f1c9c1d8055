/*
 * cares HOST PORT N: a client with a resolver of its own, c-ares (libcares.so.2): looks HOST up
 * before each connection, and connects to the first address. First connects, unseen, until a
 * connection reached another pod than was asked for (20 s at most, then goes on); then N
 * connections, a line for each with the address of the pod it reached, in the pod's own words.
 */
#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage found;
static socklen_t found_length;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "cares: %s: %s\n", what, why);
	exit(1);
}

static void on_answer(void *unused, int status, int timeouts, struct ares_addrinfo *answer)
{
	(void)unused;
	(void)timeouts;
	if (status != ARES_SUCCESS)
		die("lookup", ares_strerror(status));
	found_length = answer->nodes->ai_addrlen;
	memcpy(&found, answer->nodes->ai_addr, found_length);
	ares_freeaddrinfo(answer);
}

static void look_up(ares_channel channel, const char *host, const char *port)
{
	struct ares_addrinfo_hints hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct timeval time;
	fd_set readers, writers;
	int count;

	ares_getaddrinfo(channel, host, port, &hints, on_answer, NULL);
	for (;;) {
		FD_ZERO(&readers);
		FD_ZERO(&writers);
		count = ares_fds(channel, &readers, &writers);
		if (!count)
			return;
		select(count, &readers, &writers, NULL, ares_timeout(channel, NULL, &time));
		ares_process(channel, &readers, &writers);
	}
}

/* True if it is not the pod that was asked for. */
static bool visit(bool shown)
{
	char text[1024], asked[64];
	size_t have = 0;
	ssize_t got;
	char *body;
	int fd = socket(found.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&found, found_length))
		die("connect", strerror(errno));
	if (send(fd, "GET /address HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) != 25)
		die("send", strerror(errno));
	while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	close(fd);
	body = strstr(text, "\r\n\r\n");
	if (!body)
		die("no answer", text);
	body[4 + strcspn(body + 4, "\n")] = '\0';
	if (shown)
		puts(body + 4);
	getnameinfo((struct sockaddr *)&found, found_length, asked, sizeof(asked), NULL, 0,
	            NI_NUMERICHOST);
	return strcmp(asked, body + 4) != 0;
}

int main(int argc, char **argv)
{
	struct timespec pause = {.tv_nsec = 10000000};
	time_t start = time(NULL);
	ares_channel channel;

	if (argc != 4) {
		fputs("usage: cares HOST PORT N\n", stderr);
		return 2;
	}
	if (ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		die("c-ares", "init");
	look_up(channel, argv[1], argv[2]);
	while (!visit(false) && time(NULL) - start < 20)
		nanosleep(&pause, NULL);
	for (int i = 0; i < atoi(argv[3]); i++) {
		look_up(channel, argv[1], argv[2]);
		visit(true);
	}
	ares_destroy(channel);
	ares_library_cleanup();
	return 0;
}

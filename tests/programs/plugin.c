/*
 * plugin.so: a library that resolves and connects, to be loaded by tests/programs/loader.c.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int plugin_look_up(const char *host, const char *port, struct addrinfo **list);
void plugin_release(struct addrinfo *list);
int plugin_visit(const struct addrinfo *to, char *pod, size_t size);

int plugin_look_up(const char *host, const char *port, struct addrinfo **list)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};

	return getaddrinfo(host, port, &hints, list);
}

void plugin_release(struct addrinfo *list)
{
	freeaddrinfo(list);
}

/* Which pod a connection to the first address reaches, in the pod's own words; 0, or errno. */
int plugin_visit(const struct addrinfo *to, char *pod, size_t size)
{
	char text[1024];
	size_t have = 0;
	ssize_t got;
	const char *body;
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) ||
	    send(fd, "GET /address HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) != 25)
		return errno;
	while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	close(fd);
	body = strstr(text, "\r\n\r\n");
	if (!body)
		return EPROTO;
	snprintf(pod, size, "%.*s", (int)strcspn(body + 4, "\n"), body + 4);
	return 0;
}

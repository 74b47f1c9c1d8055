#include "net/http.h"

#include "report/complain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REQUEST_SIZE = 8192,
	REQUEST_S = 10, /* a connection's whole time */
	CHILDREN = 16
};

static const char PAGE[] = "text/plain; version=0.0.4; charset=utf-8";
static const char TEXT[] = "text/plain; charset=utf-8";

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool read_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*port = htons((in_port_t)number);
	return *text >= '0' && *text <= '9' && !*end && number <= 65535;
}

/* Reads an address and a port. Returns the length of the sockaddr; 0 if where is none. */
static socklen_t read_endpoint(const char *where, union endpoint *endpoint)
{
	char host[64];
	const char *colon = strrchr(where, ':');
	size_t length = colon ? (size_t)(colon - where) : 0;
	bool v6 = length > 2 && where[0] == '[' && colon[-1] == ']';

	if (!colon || length >= sizeof(host))
		return 0;
	memset(endpoint, 0, sizeof(*endpoint));
	memcpy(host, where + v6, length - (v6 ? 2 : 0));
	host[length - (v6 ? 2 : 0)] = '\0';
	if (v6) {
		endpoint->v6.sin6_family = AF_INET6;
		if (read_port(colon + 1, &endpoint->v6.sin6_port) &&
		    inet_pton(AF_INET6, host, &endpoint->v6.sin6_addr) == 1)
			return sizeof(endpoint->v6);
		return 0;
	}
	endpoint->v4.sin_family = AF_INET;
	if (read_port(colon + 1, &endpoint->v4.sin_port) &&
	    inet_pton(AF_INET, host, &endpoint->v4.sin_addr) == 1)
		return sizeof(endpoint->v4);
	return 0;
}

/* Returns a listening socket; or, after a complaint, an exit status as a negative number. */
static int listen_on(const char *where)
{
	union endpoint endpoint;
	socklen_t length = read_endpoint(where, &endpoint);
	int fd, on = 1;

	if (!length) {
		complain("--listen %s: use an address and a port, 127.0.0.1:9464 or [::1]:9464",
		         where);
		return -WRONG_USE;
	}
	fd = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, &endpoint.any, length) && !listen(fd, 64))
		return fd;
	complain("--listen %s: %s", where, strerror(errno));
	return -FAILED;
}

/* Reads a request up to its empty line. False if it ends before. */
static bool read_request(int fd, char request[REQUEST_SIZE])
{
	size_t length = 0;

	while (length < REQUEST_SIZE - 1) {
		ssize_t got = read(fd, request + length, REQUEST_SIZE - 1 - length);

		if (got <= 0)
			return false;
		length += (size_t)got;
		request[length] = '\0';
		if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
			return true;
	}
	return false;
}

static void answer(FILE *to, const char *status, const char *type, const char *body, size_t length,
                   bool head)
{
	fprintf(to,
	        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	        "Connection: close\r\n\r\n",
	        status, type, length);
	if (!head)
		fwrite(body, 1, length, to);
}

static void answer_page(FILE *to, bool head, void (*write)(FILE *, void *), void *context)
{
	char *body = NULL;
	size_t length = 0;
	FILE *page = open_memstream(&body, &length);

	if (page)
		write(page, context);
	if (page && !fclose(page))
		answer(to, "200 OK", PAGE, body, length, head);
	else
		answer(to, "500 Internal Server Error", TEXT, "no memory\n", 10, head);
	free(body);
}

/* Returns whether the target is "/metrics", with a query or without. */
static bool is_page(const char *target)
{
	size_t length = strcspn(target, " ?\r\n");

	return length == 8 && !strncmp(target, "/metrics", length);
}

static _Noreturn void serve(int fd, void (*write)(FILE *, void *), void *context)
{
	static const char elsewhere[] = "the metrics are at /metrics\n";
	char request[REQUEST_SIZE];
	FILE *to = fdopen(fd, "w");
	bool head;

	alarm(REQUEST_S);
	if (!to || !read_request(fd, request))
		_exit(0);
	head = !strncmp(request, "HEAD ", 5);
	if (!head && strncmp(request, "GET ", 4) != 0)
		answer(to, "405 Method Not Allowed", TEXT, "only GET\n", 9, false);
	else if (is_page(request + (head ? 5 : 4)))
		answer_page(to, head, write, context);
	else
		answer(to, "404 Not Found", TEXT, elsewhere, sizeof(elsewhere) - 1, head);
	fclose(to);
	_exit(0);
}

int http_serve(const char *where, void (*write)(FILE *to, void *context), void *context)
{
	int listening = listen_on(where);
	unsigned children = 0;

	if (listening < 0)
		return -listening;
	for (;;) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

		while (children && waitpid(-1, NULL, children < CHILDREN ? WNOHANG : 0) > 0)
			children--;
		if (fd < 0) {
			if (errno != EINTR && errno != ECONNABORTED)
				sleep(1); /* no descriptors or memory: later */
			continue;
		}
		switch (fork()) {
		case 0:
			close(listening);
			serve(fd, write, context);
		case -1:
			break;
		default:
			children++;
		}
		close(fd);
	}
}

/* What processes.c and interrupted.c have in common: connections, moments at random, and what a
 * process has of descriptors, threads and memory. */
#ifndef LAB_GROWTH_H
#define LAB_GROWTH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *host, *port;
static atomic_bool stop;
static _Atomic unsigned visits; /* of look_up_and_visit, by all threads */

static inline _Noreturn void die(const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, why);
	_exit(1);
}

/* ---- Lookups and connections */

static inline struct sockaddr_in look_up(void)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	struct sockaddr_in first;
	int error = getaddrinfo(host, port, &hints, &list);

	if (error)
		die(host, gai_strerror(error));
	memcpy(&first, list->ai_addr, sizeof(first));
	freeaddrinfo(list);
	return first;
}

static inline int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	return fd;
}

static inline int connect_first(const struct sockaddr_in *to)
{
	int fd = new_socket();

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect", strerror(errno));
	return fd;
}

/* The address of the pod at the other end, in its own words. */
static inline void ask(int fd, char pod[INET_ADDRSTRLEN])
{
	static const char request[] = "GET /address HTTP/1.0\r\n\r\n";
	char text[1024];
	const char *body;
	size_t have = 0;
	ssize_t got;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		die("send", strerror(errno));
	while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	body = strstr(text, "\r\n\r\n");
	if (!body || sscanf(body, "%15s", pod) != 1)
		die("no answer", strerror(errno));
	close(fd);
}

/* One connection, and a line for it. One write: lines of threads and processes do not mix. */
static inline void visit(const struct sockaddr_in *to)
{
	char pod[INET_ADDRSTRLEN];

	ask(connect_first(to), pod);
	dprintf(STDOUT_FILENO, "%s\n", pod);
}

/* A thread that does so all the time, until stop. */
static inline void *look_up_and_visit(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		struct sockaddr_in to = look_up();

		visit(&to);
		atomic_fetch_add(&visits, 1);
	}
	return NULL;
}

/* ---- Moments at random */

static inline void wait_us(unsigned us)
{
	struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	nanosleep(&time, NULL);
}

static inline unsigned random_below(unsigned limit)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 16) % limit;
}

/* ---- What a process has */

struct use {
	long descriptors, threads, mappings, resident_kib;
};

static inline long count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	long lines = 0;

	if (!file)
		die(path, strerror(errno));
	for (int c = getc(file); c != EOF; c = getc(file))
		lines += c == '\n';
	fclose(file);
	return lines;
}

static inline long status_number(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	if (!file)
		die("/proc/self/status", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key), NULL, 10);
	fclose(file);
	return value;
}

static inline struct use use_now(void)
{
	struct use use = {.threads = status_number("Threads:"),
	                  .mappings = count_lines("/proc/self/maps"),
	                  .resident_kib = status_number("VmRSS:")};

	for (int fd = 0; fd < 4096; fd++)
		use.descriptors += fcntl(fd, F_GETFD) >= 0;
	return use;
}

/* Between two like moments. The heap of a libc moves a little; what leaks at each of thousands of
 * rounds does not hide in it. */
static inline void check_growth(const struct use *before, long mappings, long resident_kib)
{
	struct use now = use_now();

	/* Who was joined may still be on its way out of the kernel, where it counts. */
	for (int ms = 0; ms < 5000 && now.threads > before->threads; ms++) {
		wait_us(1000);
		now = use_now();
	}
	dprintf(STDERR_FILENO,
	        "descriptors %ld -> %ld, threads %ld -> %ld, mappings %ld -> %ld, KiB %ld -> %ld\n",
	        before->descriptors, now.descriptors, before->threads, now.threads,
	        before->mappings, now.mappings, before->resident_kib, now.resident_kib);
	if (now.descriptors > before->descriptors || now.threads > before->threads ||
	    now.mappings > before->mappings + mappings ||
	    now.resident_kib > before->resident_kib + resident_kib)
		die("growth", "see above");
}

#endif

/*
 * release HOST PORT N: looks HOST up N times and frees every answer, whole, in halves and node by
 * node in turn, as clients do that keep a part of one. Each hundredth lookup is one that libc
 * answers itself (AI_ALL). Status 1 if the parts do not add up, or if more and more memory is used.
 * For glibc and musl.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIBC_EVERY = 100, GROWTH_LIMIT_KB = 1024, WARM_UP = 10000 };

static long resident_kb(void)
{
	long size, resident;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
		exit(1);
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int length(const struct addrinfo *list)
{
	int nodes = 0;

	for (; list; list = list->ai_next)
		nodes++;
	return nodes;
}

/* The rest of a list after its first nodes, cut off. */
static struct addrinfo *cut(struct addrinfo *list, int nodes)
{
	struct addrinfo *rest;

	while (--nodes > 0)
		list = list->ai_next;
	rest = list->ai_next;
	list->ai_next = NULL;
	return rest;
}

static void release(struct addrinfo *list, int how)
{
	int nodes = length(list);
	struct addrinfo *rest = NULL;

	if (how == 1 || how == 2) {
		rest = cut(list, nodes / 2);
		freeaddrinfo(how == 1 ? list : rest);
		freeaddrinfo(how == 1 ? rest : list);
		return;
	}
	while (how == 3 && nodes-- > 1) {
		rest = cut(list, 1);
		freeaddrinfo(list);
		list = rest;
	}
	freeaddrinfo(list);
}

static void look_up(const char *host, const char *port, int i)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_flags = AI_CANONNAME}, *list;
	int error;

	if (i % LIBC_EVERY < 4)
		hints.ai_flags |= AI_V4MAPPED | AI_ALL;
	error = getaddrinfo(host, port, &hints, &list);
	if (error || length(list) < 4) {
		fprintf(stderr, "release: %s: %s\n", host,
		        error ? gai_strerror(error) : "too short");
		exit(1);
	}
	if (!list->ai_canonname || strncmp(list->ai_canonname, host, strlen(host)) != 0)
		exit(1);
	release(list, i % 4);
}

int main(int argc, char **argv)
{
	long before = 0, after;

	if (argc != 4) {
		fputs("usage: release HOST PORT N\n", stderr);
		return 2;
	}
	for (int i = 0, n = atoi(argv[3]); i < n; i++) {
		if (i == WARM_UP)
			before = resident_kb();
		look_up(argv[1], argv[2], i);
	}
	after = resident_kb();
	if (before && after - before > GROWTH_LIMIT_KB) {
		fprintf(stderr, "release: from %ld kB to %ld kB\n", before, after);
		return 1;
	}
	puts("all freed");
	return 0;
}

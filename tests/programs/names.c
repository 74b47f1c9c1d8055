/*
 * names HOST PORT N: looks HOST up, connects, and looks N other names up: n<i>.many.cluster.local.
 * Then:
 *
 *   grown <KiB>      how much memory it has more than after the first tenth of them
 *   <pod>            for each of 12 connections to the first address of HOST, looked up each time
 *   own <i> <pod>    for the last three names, four connections each to the address that the name
 * had
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 12, LAST = 3, EACH = 4 };

static struct sockaddr_in look_up(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	struct sockaddr_in address;
	int error = getaddrinfo(host, port, &hints, &list);

	if (error) {
		fprintf(stderr, "names: %s: %s\n", host, gai_strerror(error));
		exit(1);
	}
	memcpy(&address, list->ai_addr, sizeof(address));
	freeaddrinfo(list);
	return address;
}

static struct sockaddr_in look_up_one(int i, const char *port)
{
	char host[64];

	snprintf(host, sizeof(host), "n%d.many.cluster.local.", i);
	return look_up(host, port);
}

/* The end that it reached, by getpeername(2). */
static void connect_to(const char *before, const struct sockaddr_in *to)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) ||
	    getpeername(fd, (struct sockaddr *)&peer, &length)) {
		fprintf(stderr, "names: connect: %s\n", strerror(errno));
		exit(1);
	}
	printf("%s%s\n", before, inet_ntoa(peer.sin_addr));
	close(fd);
}

static long resident_kib(void)
{
	long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
		exit(1);
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The least of a second: questions to DNS, of which there may be many under way where that is slow,
 * have memory as long as they are. */
static long settled_kib(void)
{
	long least = resident_kib();

	for (int i = 0; i < 20; i++) {
		long now;

		usleep(50000);
		now = resident_kib();
		least = now < least ? now : least;
	}
	return least;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address, own[LAST];
	long before = 0;
	int count;

	if (argc != 4)
		return 2;
	count = atoi(argv[3]);
	address = look_up(argv[1], argv[2]);
	connect_to("first ", &address);
	for (int i = 0; i < count; i++) {
		own[i % LAST] = look_up_one(i, argv[2]);
		if (i == count / 10)
			before = settled_kib();
	}
	printf("grown %ld\n", settled_kib() - before);
	for (int i = 0; i < CONNECTIONS; i++) {
		address = look_up(argv[1], argv[2]);
		connect_to("", &address);
	}
	for (int i = count - LAST; i < count; i++) {
		for (int k = 0; k < EACH; k++) {
			char text[32];

			snprintf(text, sizeof(text), "own %d ", i);
			connect_to(text, &own[i % LAST]);
		}
	}
	return 0;
}

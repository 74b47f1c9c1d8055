/*
 * questions LOG SKIP NAME TYPE [PATIENCE [+]N]: how many questions for NAME of TYPE (each may be
 * empty: any) clients of the lab asked dnsmasq, by its LOG, the first SKIP lines of which are
 * passed over. With N it waits until there are N, or with a + until there are N more; status 1 if
 * there are not after PATIENCE seconds.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 5 };

static const char *name, *type;
static long skip, count;

static bool is_client(const char *address)
{
	return !strcmp(address, "10.244.3.2") || !strcmp(address, "fd00:244:3::2");
}

/* "Nov 28 12:00:00 dnsmasq[7]: query[A] NAME from ADDRESS" */
static void read_line(const char *line)
{
	char asked_type[32], asked_name[512], address[64];

	if (skip > 0) {
		skip--;
		return;
	}
	if (sscanf(line, "%*s %*s %*s %*s query[%31[^]]] %511s from %63s", asked_type, asked_name,
	           address) != 3)
		return;
	if (is_client(address) && (!*name || !strcasecmp(name, asked_name)) &&
	    (!*type || !strcmp(type, asked_type)))
		count++;
}

/* All lines that are whole by now. */
static void read_lines(int log)
{
	static char buffer[65536];
	static size_t length;
	ssize_t got;

	while ((got = read(log, buffer + length, sizeof(buffer) - 1 - length)) > 0) {
		char *line = buffer, *end;

		length += (size_t)got;
		buffer[length] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			read_line(line);
			line = end + 1;
		}
		length -= (size_t)(line - buffer);
		memmove(buffer, line, length);
		if (length == sizeof(buffer) - 1)
			exit(2); /* no line is so long */
	}
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static const struct timespec pause = {.tv_nsec = EVERY_MS * 1000000};

	if (argc != 5 && argc != 7) {
		fputs("usage: questions LOG SKIP NAME TYPE [PATIENCE [+]N]\n", stderr);
		return 2;
	}
	int log = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (log < 0) {
		perror(argv[1]);
		return 2;
	}
	skip = atol(argv[2]);
	name = argv[3];
	type = argv[4];
	read_lines(log);
	if (argc == 5) {
		printf("%ld\n", count);
		return 0;
	}
	long wanted = atol(argv[6]) + (*argv[6] == '+' ? count : 0);
	double end = now_s() + atof(argv[5]);
	for (; count < wanted; read_lines(log)) {
		if (now_s() > end)
			return 1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

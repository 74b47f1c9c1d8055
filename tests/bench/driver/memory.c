#include "driver.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void connect_once(const char *host, const char *port)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	look_up(host, port, &address, 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(host);
	close(fd);
}

int mode_memory(int argc, char **argv)
{
	int ms = number(argv[2]);
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	char line[128], *separator = "{";
	FILE *rollup;
	unsigned long kib;

	(void)argc;
	if (strcmp(argv[0], "-"))
		connect_once(argv[0], argv[1]);
	nanosleep(&time, NULL);
	rollup = fopen("/proc/self/smaps_rollup", "r");
	if (!rollup)
		die("smaps_rollup");
	while (fgets(line, sizeof(line), rollup)) {
		char name[32];

		if (sscanf(line, "%31[A-Za-z_]: %lu kB", name, &kib) != 2)
			continue;
		printf("%s\"%s\":%lu", separator, name, kib);
		separator = ",";
	}
	printf("}\n");
	fclose(rollup);
	return 0;
}

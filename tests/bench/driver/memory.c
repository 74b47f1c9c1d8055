#include "driver.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What lbdns has in this process, KiB. Which pages of a file are mapped is chance: the page cache
 * and the kernel's reading ahead decide, within a mapping of which something was touched. So such a
 * mapping of the file counts whole, one of which nothing was touched takes no memory, and the
 * segment counts with all of its pages that exist, whoever touched them. */
struct ours {
	unsigned long file, segment;
};

static void connect_once(const char *host, const char *port)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	look_up(host, port, &address, 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(host);
	close(fd);
}

static FILE *open_proc(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		die(path);
	return file;
}

/* The pages of a System V segment that are in memory. */
static unsigned long segment_kib(unsigned long wanted)
{
	FILE *segments = open_proc("/proc/sysvipc/shm");
	char line[512];
	unsigned long id, rss, kib = 0;

	while (fgets(line, sizeof(line), segments))
		if (sscanf(line, "%*d %lu %*o %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", &id,
		           &rss) == 2 &&
		    id == wanted)
			kib = rss / 1024;
	fclose(segments);
	return kib;
}

/* An anonymous page of the file's mappings is the process's own, and counts as such. */
static struct ours look_at_maps(void)
{
	FILE *maps = open_proc("/proc/self/smaps");
	char line[4096], permissions[5] = "", path[4096] = "";
	unsigned long kib, inode, size = 0;
	struct ours ours = {0};
	bool file = false;

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%*x-%*x %4s %*x %*s %lu %4095[^\n]", permissions, &inode, path) >=
		    2) {
			file = permissions[0] == 'r' && strstr(path, "/liblbdns.so");
			if (!strncmp(path, "/SYSV", 5))
				ours.segment += segment_kib(inode);
			path[0] = '\0';
		} else if (file && sscanf(line, "Size: %lu kB", &kib) == 1) {
			size = kib;
		} else if (file && sscanf(line, "Rss: %lu kB", &kib) == 1) {
			ours.file += kib ? size : 0;
		} else if (file && sscanf(line, "Anonymous: %lu kB", &kib) == 1) {
			ours.file -= kib;
		}
	}
	fclose(maps);
	return ours;
}

int mode_memory(int argc, char **argv)
{
	int ms = number(argv[2]);
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	char line[128];
	FILE *rollup;
	unsigned long kib;
	struct ours ours;

	(void)argc;
	if (strcmp(argv[0], "-"))
		connect_once(argv[0], argv[1]);
	nanosleep(&time, NULL);
	ours = look_at_maps();
	printf("{\"File\":%lu,\"Segment\":%lu", ours.file, ours.segment);
	rollup = open_proc("/proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), rollup)) {
		char name[32];

		if (sscanf(line, "%31[A-Za-z_]: %lu kB", name, &kib) == 2)
			printf(",\"%s\":%lu", name, kib);
	}
	printf("}\n");
	fclose(rollup);
	return 0;
}

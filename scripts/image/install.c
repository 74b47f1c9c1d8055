/* lbdns-install DIRECTORY...: puts liblbdns.so and lbdns-inspect, which are beside this program,
 * into each directory: from a container image into a volume that others mount. Static, for an
 * image that has nothing else, and for any user and a read-only root.
 *
 * By rename, so that nobody ever loads half a library and processes that have the old one mapped
 * keep it. Where one directory cannot be written it says so and goes on with the next. Exit status:
 * 0 all done, 1 not all, 2 wrong use. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 2 };

static const struct {
	const char *name;
	mode_t mode; /* whatever the umask: others will load it */
} files[FILES] = {{"lbdns-inspect", 0755}, {"liblbdns.so", 0644}};

static bool failed(const char *what, const char *path)
{
	fprintf(stderr, "lbdns-install: %s %s: %s\n", what, path, strerror(errno));
	return false;
}

/* The directory that this program is in. */
static int open_source(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *end;

	path[length < 0 ? 0 : length] = '\0';
	end = strrchr(path, '/');
	if (end)
		*end = '\0';
	/* No /proc: the root, as in the image. */
	return open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool copy(int from, int to)
{
	char block[65536];
	ssize_t size;

	if (lseek(from, 0, SEEK_SET) < 0)
		return false;
	while ((size = read(from, block, sizeof(block))) > 0) {
		for (ssize_t done = 0, written; done < size; done += written) {
			written = write(to, block + done, (size_t)(size - done));
			if (written < 0)
				return false;
		}
	}
	return size == 0;
}

/* Under another name first, and whole on the disk before it has its own. */
static bool replace(int from, int directory, const char *name, mode_t mode)
{
	char other[64];
	uint64_t number = 0;
	bool done;
	int to, error;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = (uint64_t)getpid();
	snprintf(other, sizeof(other), ".%s.%016llx", name, (unsigned long long)number);
	to = openat(directory, other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (to < 0)
		return false;
	done = copy(from, to) && fchmod(to, mode) == 0 && fsync(to) == 0 &&
	       renameat(directory, other, directory, name) == 0;
	error = errno;
	if (!done)
		unlinkat(directory, other, 0);
	close(to);
	errno = error;
	return done;
}

static bool install(const int from[FILES], const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = true;

	if (directory < 0)
		return failed("no volume at", path);
	for (int i = 0; i < FILES && done; i++) {
		done = replace(from[i], directory, files[i].name, files[i].mode) ||
		       failed("cannot write into", path);
	}
	close(directory);
	if (done)
		printf("lbdns-install: %s has lbdns %s\n", path, LBDNS_VERSION);
	return done;
}

int main(int count, char **arguments)
{
	int source, from[FILES];
	bool all = true;

	if (count < 2 || arguments[1][0] == '-') {
		fputs("usage: lbdns-install DIRECTORY...\n"
		      "Puts liblbdns.so and lbdns-inspect into each directory; then set LD_PRELOAD "
		      "to "
		      "the path of the first.\n",
		      stderr);
		return 2;
	}
	source = open_source();
	for (int i = 0; i < FILES; i++) {
		from[i] = openat(source, files[i].name, O_RDONLY | O_CLOEXEC);
		if (from[i] < 0) {
			failed("cannot open its", files[i].name);
			return 1;
		}
	}
	for (int i = 1; i < count; i++)
		all = install(from, arguments[i]) && all;
	return all ? 0 : 1;
}

/* lbdns-install DIRECTORY...: puts liblbdns.so, which is beside this program, into each directory:
 * from a container image into a volume that others mount. Static, for an image that has nothing
 * else, and for any user and a read-only root.
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

#define LIBRARY "liblbdns.so"

static bool failed(const char *what, const char *path)
{
	fprintf(stderr, "lbdns-install: %s %s: %s\n", what, path, strerror(errno));
	return false;
}

/* Opens the library that is beside this program. */
static int open_library(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(LIBRARY));
	char *name;
	int library;

	path[length < 0 ? 0 : length] = '\0';
	name = strrchr(path, '/'); /* no /proc: the root, as in the image */
	strcpy(name ? name + 1 : strcpy(path, "/") + 1, LIBRARY);
	library = open(path, O_RDONLY | O_CLOEXEC);
	if (library < 0)
		failed("cannot open", path);
	return library;
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
	/* 0644 whatever the umask: others will load it. And whole on the disk before it has its
	 * name. */
	return size == 0 && fchmod(to, 0644) == 0 && fsync(to) == 0;
}

static bool install(int library, const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[64];
	uint64_t number = 0;
	bool done = false;
	int to;

	if (directory < 0)
		return failed("no volume at", path);
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = (uint64_t)getpid();
	snprintf(name, sizeof(name), "." LIBRARY ".%016llx", (unsigned long long)number);
	to = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to >= 0) {
		done = copy(library, to) && renameat(directory, name, directory, LIBRARY) == 0;
		if (!done) {
			int error = errno;

			unlinkat(directory, name, 0);
			errno = error;
		}
		close(to);
	}
	close(directory);
	if (!done)
		return failed("cannot write into", path);
	printf("lbdns-install: %s/%s is lbdns %s\n", path, LIBRARY, LBDNS_VERSION);
	return true;
}

int main(int count, char **arguments)
{
	bool all = true;
	int library;

	if (count < 2 || arguments[1][0] == '-') {
		fputs("usage: lbdns-install DIRECTORY...\n"
		      "Puts " LIBRARY " into each directory; then set LD_PRELOAD to its path.\n",
		      stderr);
		return 2;
	}
	library = open_library();
	if (library < 0)
		return 1;
	for (int i = 1; i < count; i++)
		all = install(library, arguments[i]) && all;
	return all ? 0 : 1;
}

#include "refresh/files.h"

#include "base/kernel.h"
#include "directory/service.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What tells one state of a file from another. All of it is 0 for one that was not seen yet. */
struct file_state {
	uint64_t device, inode, size, seconds, nanoseconds;
};

static const char *const paths[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
                                    "/etc/gai.conf"};

enum { FILES = sizeof(paths) / sizeof(paths[0]) };

/* State: what the files were, and whether that is known. A forked child goes on from its parent's,
 * because what it was handed is of then. */
static struct file_state seen[FILES];
static bool looked;

static bool is_same(const struct file_state *a, const struct file_state *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

void files_look(void)
{
	bool changed = false;

	for (int i = 0; i < FILES; i++) {
		struct stat status;
		struct file_state now;

		/* A file that is gone is left out, because the client may be in a chroot. */
		if (kernel_call(SYS_newfstatat, AT_FDCWD, paths[i], &status, 0))
			continue;
		now = (struct file_state){.device = status.st_dev,
		                          .inode = status.st_ino,
		                          .size = (uint64_t)status.st_size,
		                          .seconds = (uint64_t)status.st_mtim.tv_sec,
		                          .nanoseconds = (uint64_t)status.st_mtim.tv_nsec};
		changed = changed || (looked && !is_same(&now, &seen[i]));
		seen[i] = now;
	}
	looked = true;
	if (changed)
		service_want_libc();
}

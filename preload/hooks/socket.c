#include "base/descriptor.h"
#include "base/libc.h"
#include "connection/attempt.h"
#include "hooks/hook.h"

#include <sys/socket.h>

HOOK int socket(int family, int type, int protocol)
{
	int fd = libc()->socket(family, type, protocol);

	if (fd >= 0)
		descriptor_opened(fd);
	if (fd >= 0 && protocol == MULTIPATH_PROTOCOL)
		attempt_meet_multipath();
	return fd;
}

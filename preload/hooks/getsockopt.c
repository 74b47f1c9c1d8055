#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "connection/collect.h"
#include "hooks/hook.h"

#include <sys/socket.h>

HOOK SELDOM int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	int status = libc()->getsockopt(fd, level, name, value, length);

	if (level == SOL_SOCKET && name == SO_ERROR && !status && *length == sizeof(int) &&
	    config.mode != MODE_OFF)
		collect_error(fd, *(int *)value);
	return status;
}

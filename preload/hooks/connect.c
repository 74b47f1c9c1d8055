#include "connection/connection.h"
#include "hooks/hook.h"

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connection_make(fd, address, length);
}

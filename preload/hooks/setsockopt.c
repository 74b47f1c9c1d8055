#include "base/attributes.h"
#include "base/libc.h"
#include "connection/collect.h"
#include "hooks/hook.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

HOOK SELDOM int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	int status = libc()->setsockopt(fd, level, name, value, length), on;

	if (level != IPPROTO_TCP || name != TCP_FASTOPEN_CONNECT || status)
		return status;
	memcpy(&on, value, sizeof(on)); /* the kernel has read that much (tcp(7)) */
	if (on)
		collect_fastopen();
	return status;
}

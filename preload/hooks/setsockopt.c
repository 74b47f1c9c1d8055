#include "base/attributes.h"
#include "base/libc.h"
#include "connection/collect.h"
#include "hooks/hook.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

HOOK SELDOM int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_CONNECT)
		collect_fastopen();
	return libc()->setsockopt(fd, level, name, value, length);
}

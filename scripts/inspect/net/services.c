/* c-ares can look services up (getservbyname(3)), which nobody asks it for here. These stand before
 * libc's functions, because those of a static libc would need shared libraries. */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

struct servent *getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}

int getservbyport_r(int port, const char *protocol, struct servent *entry, char *buffer,
                    size_t size, struct servent **result)
{
	(void)port;
	(void)protocol;
	(void)entry;
	(void)buffer;
	(void)size;
	*result = NULL;
	return ENOENT;
}

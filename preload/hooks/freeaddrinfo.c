#include "hooks/hook.h"
#include "base/libc.h"

/* Our lists have libc's own layout, so libc frees them and it does not matter whether a client
 * comes through here. The hook stands for those that look up both functions in the object that
 * holds the first (dladdr, dlsym): who finds getaddrinfo here must find its partner, and the same
 * next one behind it. */
HOOK void freeaddrinfo(struct addrinfo *list)
{
	libc()->freeaddrinfo(list);
}

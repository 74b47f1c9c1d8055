#include "hooks/hook.h"
#include "base/libc.h"

/* libc frees our lists as its own, because they have its layout, so a client need not come through
 * here. The hook is for clients that look up both functions in the object that holds getaddrinfo
 * (dladdr, dlsym): they must find its partner there, and behind both the same next ones. */
HOOK void freeaddrinfo(struct addrinfo *list)
{
	libc()->freeaddrinfo(list);
}

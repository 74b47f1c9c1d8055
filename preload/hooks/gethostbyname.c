/* gethostbyname(3) and its relatives: libc answers, and its addresses are put in order, because old
 * clients connect to the first one. */
#include "hooks/hook.h"
#include "base/attributes.h"
#include "base/libc.h"
#include "lookup/taken.h"

#include <netdb.h>

HOOK SELDOM struct hostent *gethostbyname(const char *node)
{
	struct hostent *host = libc()->gethostbyname(node);

	taken_host(node, host);
	return host;
}

HOOK SELDOM struct hostent *gethostbyname2(const char *node, int family)
{
	struct hostent *host = libc()->gethostbyname2(node, family);

	taken_host(node, host);
	return host;
}

HOOK SELDOM int gethostbyname_r(const char *node, struct hostent *host, char *buffer, size_t size,
                                struct hostent **result, int *error)
{
	int status = libc()->gethostbyname_r(node, host, buffer, size, result, error);

	if (!status)
		taken_host(node, *result);
	return status;
}

HOOK SELDOM int gethostbyname2_r(const char *node, int family, struct hostent *host, char *buffer,
                                 size_t size, struct hostent **result, int *error)
{
	int status = libc()->gethostbyname2_r(node, family, host, buffer, size, result, error);

	if (!status)
		taken_host(node, *result);
	return status;
}

/* gethostbyname and its relatives: libc answers, we put its addresses in order. Old clients connect
 * to the first one. */
#include "hooks/hook.h"
#include "base/address.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/name.h"
#include "learn/from_libc.h"
#include "lookup/list.h"
#include "lookup/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

static void claim(const char *node, const struct answer *answer)
{
	uint64_t key = lookup_key(node);

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		for (size_t i = 0; i < answer->count[f]; i++)
			learn_claim(key, answer->addresses[f][i]);
}

static void answered(const char *node, struct hostent *host)
{
	struct name_text name;
	struct answer answer;
	int saved_errno = errno;

	if (config.mode == MODE_OFF || !node || !host ||
	    (host->h_addrtype != AF_INET && host->h_addrtype != AF_INET6))
		return;
	if (!answer_read_host(&answer, host)) {
		/* Nothing is known of the addresses then, and nothing of them can be claimed: too
		 * many. */
		answer_release(&answer);
		return;
	}
	if (name_normalize(node, &name) && !name_is_numeric(&name)) {
		enum family family = host->h_addrtype == AF_INET ? FAMILY_V4 : FAMILY_V6;
		unsigned managed = lookup_learn(&name, &answer, FAMILY_BIT(family), NULL, false);

		if (managed & FAMILY_BIT(family))
			answer_order_host(&answer, family, lookup_first(&answer, family, 0), host);
	} else {
		claim(node, &answer);
	}
	answer_release(&answer);
	errno = saved_errno;
}

HOOK SELDOM struct hostent *gethostbyname(const char *node)
{
	struct hostent *host = libc()->gethostbyname(node);

	answered(node, host);
	return host;
}

HOOK SELDOM struct hostent *gethostbyname2(const char *node, int family)
{
	struct hostent *host = libc()->gethostbyname2(node, family);

	answered(node, host);
	return host;
}

HOOK SELDOM int gethostbyname_r(const char *node, struct hostent *host, char *buffer, size_t size,
                                struct hostent **result, int *error)
{
	int status = libc()->gethostbyname_r(node, host, buffer, size, result, error);

	if (!status && *result)
		answered(node, *result);
	return status;
}

HOOK SELDOM int gethostbyname2_r(const char *node, int family, struct hostent *host, char *buffer,
                                 size_t size, struct hostent **result, int *error)
{
	int status = libc()->gethostbyname2_r(node, family, host, buffer, size, result, error);

	if (!status && *result)
		answered(node, *result);
	return status;
}

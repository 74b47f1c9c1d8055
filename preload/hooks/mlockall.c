/* mlockall(2) locks the client's memory; of ours what connections use. */
#include "base/attributes.h"
#include "base/libc.h"
#include "hooks/hook.h"
#include "refresh/unlock.h"

#include <sys/mman.h>

HOOK SELDOM int mlockall(int flags)
{
	int result = libc()->mlockall(flags);

	if (!result)
		unlock_ours(flags);
	return result;
}

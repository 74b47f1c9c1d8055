#include "hooks/hook.h"
#include "base/attributes.h"
#include "base/libc.h"
#include "refresh/namespace.h"

#include <sched.h>

static SELDOM int call_unshare(int flags, int unused)
{
	(void)unused;
	return libc()->unshare(flags);
}

static SELDOM int call_setns(int fd, int kind)
{
	return libc()->setns(fd, kind);
}

HOOK SELDOM int unshare(int flags)
{
	if (flags & CLONE_FILES)
		namespace_unshare_files();
	/* CLONE_NEWNS and CLONE_FS: the refresh thread would keep the old mounts and root. */
	if (!(flags & (CLONE_NEWUSER | CLONE_NEWNET | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM |
	               CLONE_NEWNS | CLONE_FS)))
		return libc()->unshare(flags);
	return namespace_change(call_unshare, flags, 0, flags & CLONE_NEWNET);
}

HOOK SELDOM int setns(int fd, int kind)
{
	return namespace_change(call_setns, fd, kind, !kind || kind & CLONE_NEWNET);
}

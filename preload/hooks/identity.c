/* The functions by which a client becomes another user. libc has each of its threads call the
 * kernel for itself, and ends the client if one cannot do what another one could; the refresh
 * thread, which has no capabilities, could not. */
#include "hooks/hook.h"
#include "base/attributes.h"
#include "base/kernel.h"
#include "base/libc.h"
#include "refresh/thread.h"

#include <grp.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

/* Returns true if a call may change an id: one by which a thread that has a single id keeps it
 * needs no capability. get is SYS_getresuid or SYS_getresgid; -1 is no id (setresuid(2)). */
static SELDOM bool changes(long get, id_t real, id_t effective, id_t saved)
{
	id_t own[3], wanted[] = {real, effective, saved};

	if (kernel_call(get, &own[0], &own[1], &own[2]) || own[0] != own[1] || own[1] != own[2])
		return true;
	for (int i = 0; i < 3; i++)
		if (wanted[i] != own[0] && wanted[i] != (id_t)-1)
			return true;
	return false;
}

#define IDENTITY(name, parameters, arguments, is_changed)                                          \
	HOOK SELDOM int name parameters                                                            \
	{                                                                                          \
		bool held = is_changed && thread_hold();                                           \
		int result = libc()->name arguments;                                               \
                                                                                                   \
		if (held)                                                                          \
			thread_release(false);                                                     \
		return result;                                                                     \
	}

IDENTITY(setuid, (uid_t user), (user), changes(SYS_getresuid, user, user, user))
IDENTITY(setgid, (gid_t group), (group), changes(SYS_getresgid, group, group, group))
IDENTITY(seteuid, (uid_t user), (user), changes(SYS_getresuid, user, user, user))
IDENTITY(setegid, (gid_t group), (group), changes(SYS_getresgid, group, group, group))
IDENTITY(setreuid, (uid_t real, uid_t effective), (real, effective),
         changes(SYS_getresuid, real, effective, effective))
IDENTITY(setregid, (gid_t real, gid_t effective), (real, effective),
         changes(SYS_getresgid, real, effective, effective))
IDENTITY(setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved),
         changes(SYS_getresuid, real, effective, saved))
IDENTITY(setresgid, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved),
         changes(SYS_getresgid, real, effective, saved))
IDENTITY(setgroups, (size_t count, const gid_t *groups), (count, groups), true)
IDENTITY(initgroups, (const char *user, gid_t group), (user, group), true)

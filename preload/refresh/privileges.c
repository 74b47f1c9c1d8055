#include "refresh/privileges.h"

#include "base/attributes.h"
#include "base/kernel.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>

enum { STATUS_SIZE = 4096 };

/* Had the thread capabilities when privileges_look looked, as far as /proc tells? */
static bool has_capabilities = true;

/* As proc(5) says, "CapPrm". */
static bool read_capabilities(void)
{
	static const char line[] = "\nCapPrm:\t";
	char status[STATUS_SIZE];
	long file =
		kernel_call(SYS_openat, AT_FDCWD, "/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	long got = file >= 0 ? kernel_call(SYS_read, file, status, sizeof(status)) : 0;

	if (file >= 0)
		kernel_call(SYS_close, file);
	for (long at = 0; at + (long)sizeof(line) < got; at++) {
		if (memcmp(status + at, line, sizeof(line) - 1) != 0)
			continue;
		for (at += (long)sizeof(line) - 1; at < got && status[at] == '0';)
			at++;
		return at >= got || status[at] != '\n';
	}
	return true;
}

void privileges_look(void)
{
	has_capabilities = read_capabilities();
}

void privileges_drop(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};

	kernel_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* A service's filter may kill for capset(2): not where there is nothing to give up. */
	if (has_capabilities)
		kernel_call(SYS_capset, &header, none);
}

/* The start of everything: what must be known before the client's first call. LD_PRELOAD reaches
 * every `sh` in a container, so nothing is opened, mapped or started here. */
#include "base/clock.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/process.h"
#include "refresh/thread.h"

#include <errno.h>
#include <sys/auxv.h>
#include <unistd.h>

__attribute__((constructor)) static void start(void)
{
	int saved_errno = errno;

	libc();
	clock_start();
	log_start();
	/* setuid, setgid, file capabilities: the environment is not to be believed (getauxval(3)).
	 */
	config_load(getauxval(AT_SECURE) ? NULL : environ);
	if (config.mode != MODE_OFF) {
		process_start();
		process_watch_main(thread_main_ends);
	}
	errno = saved_errno;
}

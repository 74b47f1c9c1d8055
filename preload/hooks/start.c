/* The start of everything: what must be known before the client's first call. LD_PRELOAD reaches
 * every `sh` in a container, so nothing is opened, mapped or started here. */
#include "base/clock.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/log.h"
#include "base/process.h"
#include "hooks/copies.h"
#include "refresh/thread.h"

#include <errno.h>
#include <netdb.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

/* Logs whose function the client calls, if not ours: that of a preload before us, or of the
 * program. Where that goes on to libc past us (nss_wrapper), what the client does is not seen. */
static void say_if_passed_by(const char *function, const void *ours)
{
	const void *first = libc_first(function);
	const char *file = libc_file_of(first);

	if (first && first != ours && *file)
		log_line(LOG_WARN, function, " is ", file,
		         "'s before it is lbdns's: what that does not pass on is not seen", NULL);
}

__attribute__((constructor)) static void start(void)
{
	int saved_errno = errno;
	const char *other;

	libc();
	clock_start();
	log_start();
	/* setuid, setgid, file capabilities: the environment is not to be believed (getauxval(3)).
	 */
	config_load(getauxval(AT_SECURE) ? NULL : environ);
	other = copies_before();
	if (other) {
		log_line(LOG_WARN, "this process has ", other, " too, and this copy does nothing",
		         NULL);
		config.mode = MODE_OFF;
	}
	if (config.mode != MODE_OFF) {
		process_start();
		process_watch_main(thread_main_ends);
		if (log_wants(LOG_WARN)) {
			say_if_passed_by("getaddrinfo", (const void *)getaddrinfo);
			say_if_passed_by("connect", (const void *)connect);
		}
	}
	errno = saved_errno;
}

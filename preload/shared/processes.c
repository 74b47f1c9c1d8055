/* Which processes there are. State: in shared memory, but for the place of this one in it. */
#include "base/config.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic uint32_t own_process; /* our place among the processes, + 1; 0: none yet */

/* Its inode: pods share IPC namespaces whose processes are in several PID namespaces. 0 if /proc is
 * not there. */
static uint64_t pid_namespace(void)
{
	struct stat status;

	if (syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &status, 0))
		return 0;
	return status.st_ino;
}

/* A place for this process: unused, or that of who was not seen for the longest. */
static struct shared_process *process_claim(uint64_t pid)
{
	struct shared *in = shared();
	struct shared_process *oldest = NULL;
	uint64_t was;

	for (uint32_t i = 0; i < SHARED_PROCESSES; i++) {
		struct shared_process *at = &in->processes[i];

		was = 0;
		if (atomic_compare_exchange_strong(&at->pid, &was, pid))
			return at;
		if (!oldest || shared_load(&at->seen_ms) < shared_load(&oldest->seen_ms))
			oldest = at;
	}
	was = shared_load(&oldest->pid);
	return atomic_compare_exchange_strong(&oldest->pid, &was, pid) ? oldest : NULL;
}

void counters_process(uint64_t now_ms, const char *name)
{
	uint32_t place = atomic_load_explicit(&own_process, memory_order_relaxed);
	struct shared_process *at = place ? &shared()->processes[place - 1] : NULL;
	uint64_t pid = (uint64_t)syscall(SYS_getpid), words[2];

	/* A child has its parent's place; a segment made anew knows nobody. */
	if (!at || shared_load(&at->pid) != pid) {
		at = process_claim(pid);
		if (!at)
			return;
		atomic_store_explicit(&own_process, (uint32_t)(at - shared()->processes) + 1,
		                      memory_order_relaxed);
		memcpy(words, name, sizeof(words));
		shared_store(&at->name[0], words[0]);
		shared_store(&at->name[1], words[1]);
		shared_store(&at->started_ms, now_ms);
		shared_store(&at->refreshes, 0);
		shared_store(&at->mode, config.mode);
		shared_store(&at->pid_namespace, pid_namespace());
	}
	shared_store(&at->seen_ms, now_ms);
	shared_add_one(&at->refreshes);
}

/* Which processes refresh names. State: own_place; the rest is in shared memory. */
#include "shared/counters.h"

#include "base/atomic.h"
#include "base/config.h"
#include "base/kernel.h"
#include "shared/segment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static _Atomic uint32_t own_place; /* of this process in shared()->processes, + 1; 0: none yet */

/* Returns the inode of our PID namespace, because the processes of an IPC namespace may be in
 * several (pods that share theirs). 0 if /proc is not there. */
static uint64_t pid_namespace(void)
{
	struct stat status;

	if (kernel_call(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &status, 0))
		return 0;
	return status.st_ino;
}

/* Claims an unused record, or that of the process that was not seen for the longest. NULL if
 * another process was faster. */
static struct shared_process *process_claim(uint64_t pid)
{
	struct shared *in = shared();
	struct shared_process *oldest = NULL;
	uint64_t found;

	for (uint32_t i = 0; i < SHARED_PROCESSES; i++) {
		struct shared_process *record = &in->processes[i];

		found = 0;
		if (atomic_compare_exchange_strong(&record->pid, &found, pid))
			return record;
		if (!oldest || load_relaxed(&record->seen_ms) < load_relaxed(&oldest->seen_ms))
			oldest = record;
	}
	found = load_relaxed(&oldest->pid);
	return atomic_compare_exchange_strong(&oldest->pid, &found, pid) ? oldest : NULL;
}

/* Writes what stays as it is. */
static void process_begin(struct shared_process *record, uint64_t now_ms, const char *name)
{
	uint64_t words[2];

	memcpy(words, name, sizeof(words));
	store_relaxed(&record->name[0], words[0]);
	store_relaxed(&record->name[1], words[1]);
	store_relaxed(&record->started_ms, now_ms);
	store_relaxed(&record->refreshes, 0);
	store_relaxed(&record->mode, config.mode);
	store_relaxed(&record->pid_namespace, pid_namespace());
}

void counters_process(uint64_t now_ms, const char *process)
{
	uint32_t place = load_relaxed(&own_place);
	struct shared_process *record = place ? &shared()->processes[place - 1] : NULL;
	uint64_t pid = (uint64_t)kernel_call(SYS_getpid);

	/* A forked child has its parent's place; a segment that took another's place knows nobody.
	 */
	if (!record || load_relaxed(&record->pid) != pid) {
		record = process_claim(pid);
		if (!record)
			return;
		store_relaxed(&own_place, (uint32_t)(record - shared()->processes) + 1);
		process_begin(record, now_ms, process);
	}
	store_relaxed(&record->seen_ms, now_ms);
	add_relaxed(&record->refreshes, 1);
}

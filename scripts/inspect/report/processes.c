#include "report/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct process_list *processes_list(void)
{
	struct process_list *list = NULL, *more;
	unsigned room = 0, count = 0;
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int pid = atoi(entry->d_name);

		if (pid <= 0)
			continue;
		if (count == room) {
			room = room ? room * 2 : 256;
			more = realloc(list, sizeof(*list) + room * sizeof(list->pids[0]));
			if (!more)
				break;
			list = more;
		}
		list->pids[count++] = pid;
	}
	if (directory)
		closedir(directory);
	if (list)
		list->count = count;
	return list;
}

FILE *process_open(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

bool process_has_library(pid_t pid, char line[PROCESS_LINE])
{
	FILE *file = process_open(pid, "maps");
	bool has = false;

	while (file && !has && fgets(line, PROCESS_LINE, file))
		has = strstr(line, "/liblbdns.so");
	if (file)
		fclose(file);
	return has;
}

/* Returns the number that a process has in its innermost PID namespace; 0 if it is gone. A kernel
 * without NSpid (before 4.1) has one number only. */
static uint64_t innermost_pid(pid_t pid)
{
	FILE *file = process_open(pid, "status");
	char line[512];
	uint64_t found = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Pid:", 4))
			found = (uint64_t)pid;
		if (!strncmp(line, "State:\tZ", 8))
			break; /* dead, and not waited for */
		if (!strncmp(line, "NSpid:", 6)) {
			const char *last = strrchr(line, '\t');

			found = strtoull(last ? last : "0", NULL, 10);
			break;
		}
	}
	if (file)
		fclose(file);
	return found;
}

/* Returns when a process started, in ms of CLOCK_MONOTONIC; 0 if it is gone. That clock stands
 * still while the system sleeps and the one of starttime does not: for a process that has slept
 * this is too early. */
static uint64_t started_ms(pid_t pid)
{
	FILE *file = process_open(pid, "stat");
	char text[1024];
	unsigned long long ticks = 0;
	struct timespec boot, monotonic;
	uint64_t ms, slept_ms;
	size_t length = 0;
	const char *after;

	if (file) {
		length = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[length] = '\0';
	after = strrchr(text, ')'); /* the name may hold anything (proc(5)) */
	if (!after || sscanf(after + 1,
	                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
	                     "%*d %*d %llu",
	                     &ticks) != 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	slept_ms = (uint64_t)(boot.tv_sec - monotonic.tv_sec) * 1000;
	ms = ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	return ms > slept_ms ? ms - slept_ms : 0;
}

/* Returns the inode of a PID namespace; 0 if it may not be seen. who is a number or "self". */
static uint64_t pid_namespace(const char *who)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/ns/pid", who);
	return stat(path, &status) ? 0 : status.st_ino;
}

/* Returns whether a process in /proc is one of a report. */
static bool is_it(pid_t pid, const struct report_process *of)
{
	enum { COARSE_MS = 2000 };
	char number[16];
	uint64_t namespace;

	snprintf(number, sizeof(number), "%d", (int)pid);
	namespace = pid_namespace(number);
	if (namespace && of->pid_namespace && namespace != of->pid_namespace)
		return false;
	/* Another process that was given the same number later began after that. */
	return innermost_pid(pid) == of->pid && started_ms(pid) <= of->started_ms + COARSE_MS;
}

/* Returns whether every process of a PID namespace would be in /proc: it is ours, or some process
 * of it is there, or ours is the first of all, 0xeffffffc (PROC_PID_INIT_INO), because all others
 * are its descendants. */
static bool is_visible(uint64_t namespace, const struct process_list *list)
{
	uint64_t ours = pid_namespace("self");
	char number[16];

	if (!namespace || !ours)
		return false;
	if (namespace == ours || ours == 0xeffffffc)
		return true;
	for (unsigned i = 0; i < list->count; i++) {
		snprintf(number, sizeof(number), "%d", (int)list->pids[i]);
		if (pid_namespace(number) == namespace)
			return true;
	}
	return false;
}

void processes_look(struct report *report)
{
	struct process_list *list = report->process_count ? processes_list() : NULL;
	uint64_t *pids = list ? calloc(list->count, sizeof(*pids)) : NULL;

	for (unsigned i = 0; pids && i < list->count; i++)
		pids[i] = innermost_pid(list->pids[i]);
	for (uint32_t p = 0; pids && p < report->process_count; p++) {
		struct report_process *of = &report->processes[p];

		for (unsigned i = 0; i < list->count && of->life != LIFE_ALIVE; i++)
			if (pids[i] == of->pid && is_it(list->pids[i], of))
				of->life = LIFE_ALIVE;
		if (of->life != LIFE_ALIVE && is_visible(of->pid_namespace, list))
			of->life = LIFE_ENDED;
	}
	free(pids);
	free(list);
}

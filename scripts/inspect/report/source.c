#include "report/source.h"

#include "report/complain.h"
#include "report/processes.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Entering */

/* Returns whether a process's namespace is ours; false too if that cannot be seen. */
static bool namespace_is_ours(pid_t pid, const char *kind)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (stat(path, &ours))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return !stat(path, &theirs) && theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* Opens a process's namespace for setns. Returns a descriptor above 0; 0: it is ours already; -1
 * with errno. */
static int namespace_open(pid_t pid, const char *kind)
{
	char path[64];
	int fd;

	if (namespace_is_ours(pid, kind))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd > 0 ? fd : -1;
}

/* Enters the IPC namespace of a process, and its user namespace, by whose ids the memory is
 * checked. A user who owns the user namespace but is not root has to enter that first. Returns 0,
 * or -1 with errno. */
static int enter(pid_t pid)
{
	int ipc = namespace_open(pid, "ipc"), user = namespace_open(pid, "user");
	int status = 0;

	if (ipc < 0)
		return -1;
	if (ipc > 0 && setns(ipc, CLONE_NEWIPC)) {
		status = -1;
		if (user > 0 && !setns(user, CLONE_NEWUSER)) {
			user = 0;
			status = setns(ipc, CLONE_NEWIPC);
		}
	}
	if (!status && user > 0)
		status = setns(user, CLONE_NEWUSER);
	return status;
}

static int visit_here(const struct source *source, bool writable, void (*visit)(void *),
                      void *context)
{
	if (!shared_open(source->uid, writable))
		return -1;
	visit(context);
	shared_close();
	return 0;
}

int source_visit(const struct source *source, bool writable, void (*visit)(void *), void *context)
{
	int status;
	pid_t child;

	if (!source->pid)
		return visit_here(source, writable, visit, context);
	fflush(stdout);
	child = fork();
	if (child < 0)
		return -1;
	if (!child) {
		status = enter(source->pid) || visit_here(source, writable, visit, context) ? errno
		                                                                            : 0;
		fflush(stdout);
		_exit(status);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno ? -1 : 0;
}

void *source_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	complain("no memory: %s", strerror(errno));
	return NULL;
}

static void visit_report(void *context)
{
	report_take(context);
}

int source_report(const struct source *source, struct report *report)
{
	if (source_visit(source, false, visit_report, report))
		return -1;
	processes_look(report);
	return 0;
}

/* Returns why there can be no shared memory here; 0: there can. One is made, and removed at once.
 */
static int memory_error(void)
{
	int id = shmget(IPC_PRIVATE, sizeof(struct shared), IPC_CREAT | 0600);

	return id < 0 || shmctl(id, IPC_RMID, NULL) ? errno : 0;
}

void source_complain(const struct source *source)
{
	int error = errno;

	if (error == ENOENT && source->pid)
		complain("no client has used lbdns where process %d is, as user %u",
		         (int)source->pid, source->uid);
	else if (error == EEXIST)
		complain("there is no shared memory for user %u: all of its keys are taken by "
		         "others (ipcs -m)",
		         source->uid);
	else if (error == ENOENT && memory_error())
		complain("there is no shared memory here: %s", strerror(memory_error()));
	else if (error == ENOENT)
		complain("no client of user %u has used lbdns here (or only with LBDNS_SHARED=off)",
		         source->uid);
	else if ((error == EPERM || error == EACCES) && geteuid())
		complain("the shared memory of user %u: %s; root may look at it", source->uid,
		         strerror(error));
	else
		complain("the shared memory of user %u: %s", source->uid, strerror(error));
}

/* ---- Finding */

/* Reads the effective user of a process ("Uid:	real effective …" of /proc/PID/status), as its own
 * user namespace has it. False if it is gone. */
static bool effective_user(pid_t pid, uint32_t *uid)
{
	FILE *file = process_open(pid, "status");
	char line[256];
	unsigned id, inside, outside, length;
	bool known = false;

	while (file && !known && fgets(line, sizeof(line), file))
		known = sscanf(line, "Uid: %*u %u", &id) == 1;
	if (file)
		fclose(file);
	if (!known)
		return false;
	*uid = id;
	if (namespace_is_ours(pid, "user"))
		return true;
	file = process_open(pid, "uid_map");
	while (file && fscanf(file, "%u %u %u", &inside, &outside, &length) == 3)
		if (id >= outside && id - outside < length)
			*uid = inside + (id - outside);
	if (file)
		fclose(file);
	return true;
}

/* Returns 0 if it may not be seen. */
static uint64_t namespace_inode(pid_t pid, const char *kind)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return stat(path, &status) ? 0 : status.st_ino;
}

/* Finds a container's id in the name of a control group: 64 hexadecimal digits in a row, as in
 * "…/cri-containerd-0123….scope" or "/docker/0123…". */
static void find_container(const char *group, char container[13])
{
	size_t run = 0;

	for (const char *at = group;; at++) {
		if (isxdigit((unsigned char)*at)) {
			run++;
			continue;
		}
		if (run == 64) {
			memcpy(container, at - 64, 12);
			container[12] = '\0';
		}
		run = 0;
		if (!*at)
			return;
	}
}

/* Finds a pod's uid in the name of a control group, as in
 * "…/kubepods-burstable-pod01234567_89ab_….slice/…", or with '-' and '/'. */
static void find_pod(const char *group, char pod[37])
{
	for (const char *at = strstr(group, "pod"); at; at = strstr(at + 1, "pod")) {
		size_t length = strspn(at + 3, "0123456789abcdef-_");

		if (length < 36)
			continue;
		for (int i = 0; i < 36; i++)
			pod[i] = (char)(at[3 + i] == '_' ? '-' : at[3 + i]);
		pod[36] = '\0';
		return;
	}
}

/* Fills in container and pod, by the control groups of a process. */
static void name_container(struct source *source, pid_t pid)
{
	FILE *file = process_open(pid, "cgroup");
	char line[4096];

	while (file && !source->container[0] && fgets(line, sizeof(line), file)) {
		find_container(line, source->container);
		find_pod(line, source->pod);
	}
	if (file)
		fclose(file);
}

static struct source *source_of_process(pid_t pid)
{
	struct source *source = calloc(1, sizeof(*source));
	int error;

	if (!source)
		return NULL;
	*source = (struct source){.pid = pid, .ipc = namespace_inode(pid, "ipc")};
	error = errno;
	if (!effective_user(pid, &source->uid)) {
		complain("there is no process %d", (int)pid);
	} else if (!source->ipc) {
		complain("process %d: its namespaces: %s%s", (int)pid, strerror(error),
		         geteuid() ? "; root may look at them" : "");
	} else {
		name_container(source, pid);
		return source;
	}
	free(source);
	return NULL;
}

/* Adds a source, unless it is there; false if there is no memory. Names its container by pid,
 * unless that is 0. */
static bool add(struct source **all, unsigned *count, const struct source *one, pid_t pid)
{
	struct source *more;

	for (unsigned i = 0; i < *count; i++)
		if ((*all)[i].uid == one->uid && (*all)[i].ipc == one->ipc)
			return true;
	more = realloc(*all, (*count + 1) * sizeof(*more));
	if (!more)
		return false;
	*all = more;
	more[*count] = *one;
	if (pid)
		name_container(&more[*count], pid);
	++*count;
	return true;
}

/* Adds the users of this IPC namespace, whose clients may all have ended. */
static void add_ours(struct source **all, unsigned *count)
{
	FILE *file = fopen("/proc/sysvipc/shm", "re");
	struct source one = {.ipc = namespace_inode(getpid(), "ipc")};
	char line[512];
	unsigned long size;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*d %*d %*o %lu %*d %*d %*u %u", &size, &one.uid) == 2 &&
		    size == sizeof(struct shared))
			add(all, count, &one, 0);
	if (file)
		fclose(file);
}

static struct source *sources_all(unsigned *count)
{
	struct source *all = NULL;
	uint64_t ours = namespace_inode(getpid(), "ipc");
	struct process_list *list = processes_list();
	char line[PROCESS_LINE];

	*count = 0;
	add_ours(&all, count);
	/* Processes with the library first, because their container is the one to name. */
	for (int with = 1; list && with >= 0; with--) {
		for (unsigned i = 0; i < list->count; i++) {
			pid_t pid = list->pids[i];
			struct source one = {.pid = pid, .ipc = namespace_inode(pid, "ipc")};

			if (!one.ipc || (with && !process_has_library(pid, line)) ||
			    !effective_user(pid, &one.uid))
				continue;
			if (one.ipc == ours && namespace_is_ours(pid, "user"))
				one.pid = 0;
			add(&all, count, &one, pid);
		}
	}
	free(list);
	if (!all)
		complain("no processes to look at: is /proc there?");
	return all;
}

struct source *sources_find(const struct targets *targets, unsigned *count)
{
	struct source *own;

	*count = 1;
	if (targets->all)
		return sources_all(count);
	if (targets->pid)
		return source_of_process((pid_t)targets->pid);
	own = calloc(1, sizeof(*own));
	if (own) {
		own->uid = geteuid();
		own->ipc = namespace_inode(getpid(), "ipc");
	}
	return own;
}

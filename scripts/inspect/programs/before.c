#include "programs/before.h"

#include "programs/elf.h"
#include "programs/loaded.h"
#include "report/processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const functions[] = {"getaddrinfo", "connect", NULL};

/* Finds the path of a library that a process has loaded, by the end of its path, as the loader was
 * told it. False if there is none. */
static bool loaded_path(pid_t pid, const char *given, char path[PROCESS_LINE])
{
	FILE *file = process_open(pid, "maps");
	const char *base = strrchr(given, '/'), *at;
	char line[PROCESS_LINE];
	bool found = false;

	base = base ? base + 1 : given;
	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		at = strchr(line, '/');
		found = at && !strcmp(strrchr(at, '/') + 1, base);
		if (found)
			strcpy(path, at);
	}
	if (file)
		fclose(file);
	return found;
}

static bool say(const char *function, const char *path, char *why, size_t size)
{
	if (!function)
		return false;
	snprintf(why, size, "%s is %s's before it is lbdns's: put liblbdns.so before that",
	         function, path);
	return true;
}

/* Looks at the libraries of a list up to ours. pid 0: there is no process yet. */
static bool before_ours(char *list, pid_t pid, char *why, size_t size)
{
	char path[PROCESS_LINE], file[PROCESS_LINE + 32], *rest = list;

	for (char *each; (each = strtok_r(NULL, ": \t\n", &rest));) {
		if (strstr(each, "liblbdns.so"))
			return false;
		if (strstr(each, "libasan.so")) /* it passes all on, and has to be first */
			continue;
		snprintf(path, sizeof(path), "%s", each);
		if (pid && !loaded_path(pid, each, path))
			continue;
		if (pid)
			snprintf(file, sizeof(file), "/proc/%d/root%s", (int)pid, path);
		else
			snprintf(file, sizeof(file), "%s", path);
		if (say(elf_defines(file, functions), path, why, size))
			return true;
	}
	return false;
}

bool before_is_copied(pid_t pid, char *why, size_t size)
{
	FILE *file = process_open(pid, "maps");
	char line[PROCESS_LINE], first[PROCESS_LINE] = "", *at;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		at = strchr(line, '/');
		if (!at || !strstr(at, "/liblbdns.so"))
			continue;
		found = *first && strcmp(first, at) != 0;
		if (found)
			snprintf(why, size, "it has %s and %s: one of them does nothing", first,
			         at);
		strcpy(first, at);
	}
	if (file)
		fclose(file);
	return found;
}

/* Are they two files, both of which are there? */
static bool are_two_files(const char *path, const char *other)
{
	struct stat one, two;

	return !stat(path, &one) && !stat(other, &two) &&
	       (one.st_dev != two.st_dev || one.st_ino != two.st_ino);
}

bool before_are_two(const char *preload, char *why, size_t size)
{
	char *list = strdup(preload), *rest = list, *first = NULL;
	bool found = false;

	for (char *each; list && !found && (each = strtok_r(NULL, ": ", &rest));) {
		if (!strstr(each, "liblbdns.so"))
			continue;
		found = first && are_two_files(first, each);
		if (found)
			snprintf(why, size, "LD_PRELOAD has %s and %s: one of them does nothing",
			         first, each);
		first = first ? first : each;
	}
	free(list);
	return found;
}

bool before_in_list(const char *preload, char *why, size_t size)
{
	char *list = strdup(preload);
	bool found = list && strstr(list, "liblbdns.so") && before_ours(list, 0, why, size);

	free(list);
	return found;
}

bool before_in_process(pid_t pid, char *why, size_t size)
{
	char list[LOADED_TEXT], program[32];
	const char *own;

	snprintf(program, sizeof(program), "/proc/%d/exe", (int)pid);
	own = elf_defines(program, functions);
	if (own) {
		snprintf(why, size, "the program has a %s of its own", own);
		return true;
	}
	/* Without ours in it, it is in /etc/ld.so.preload, whose libraries come after these. */
	return loaded_given(pid, "LD_PRELOAD", list) && before_ours(list, pid, why, size);
}

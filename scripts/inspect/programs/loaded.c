#include "programs/loaded.h"

#include "programs/before.h"
#include "programs/elf.h"
#include "report/processes.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { TEXT = LOADED_TEXT };

bool loaded_given(pid_t pid, const char *name, char value[LOADED_TEXT])
{
	FILE *file = process_open(pid, "environ");
	char *entry = NULL;
	size_t room = 0, length = strlen(name);
	bool set = false;

	while (file && !set && getdelim(&entry, &room, '\0', file) > 0)
		if (!strncmp(entry, name, length) && entry[length] == '=') {
			snprintf(value, TEXT, "%s", entry + length + 1);
			set = true;
		}
	free(entry);
	if (file)
		fclose(file);
	return set;
}

/* Finds the path by which the process was told to load the library, as the process's own mounts
 * have it, and by what it was told. False if it was not told to. */
static bool given_library(pid_t pid, char path[TEXT], const char **how)
{
	char list[TEXT] = "", *rest = list;
	FILE *file;

	*how = "LD_PRELOAD";
	if (!loaded_given(pid, "LD_PRELOAD", list) || !strstr(list, "liblbdns.so")) {
		size_t length = 0;

		*how = "/etc/ld.so.preload";
		file = process_open(pid, "root/etc/ld.so.preload");
		if (file) {
			length = fread(list, 1, sizeof(list) - 1, file);
			fclose(file);
		}
		list[length] = '\0';
	}
	for (char *each; (each = strtok_r(NULL, ": \t\n", &rest));)
		if (strstr(each, "liblbdns.so")) {
			snprintf(path, TEXT, "%s", each);
			return true;
		}
	return false;
}

/* Returns AT_SECURE of getauxval(3): the process is setuid, setgid or has capabilities. */
static bool is_secure(pid_t pid)
{
	FILE *file = process_open(pid, "auxv");
	unsigned long entry[2];
	bool secure = false;

	while (file && fread(entry, sizeof(entry), 1, file) == 1 && entry[0] != AT_NULL)
		if (entry[0] == AT_SECURE)
			secure = entry[1];
	if (file)
		fclose(file);
	return secure;
}

/* Fills in why a process has not loaded the library that how (a variable, a file) named. */
static void say_why_missed(pid_t pid, const char *library, const char *how, struct loaded *loaded)
{
	char path[TEXT + 64], theirs[48], ours[48];
	struct elf program, file;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (elf_read(path, &program) == ELF_FILE && !program.interpreter[0]) {
		snprintf(loaded->why, sizeof(loaded->why), "it is statically linked%s",
		         program.is_go ? ", of Go" : "");
		return;
	}
	if (is_secure(pid)) {
		snprintf(loaded->why, sizeof(loaded->why),
		         "it is setuid, setgid or has file capabilities: the loader ignores %s",
		         how);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root%s%s", (int)pid, *library == '/' ? "" : "/",
	         library);
	if (*library != '/')
		snprintf(loaded->why, sizeof(loaded->why), "%s names %s, which is not found", how,
		         library);
	else if (elf_read(path, &file) != ELF_FILE)
		snprintf(loaded->why, sizeof(loaded->why), "%s names %s, which is %s there", how,
		         library, access(path, F_OK) ? "not" : "no library that can be read");
	else if (strcmp(elf_architecture(&program, theirs), elf_architecture(&file, ours)) != 0)
		snprintf(loaded->why, sizeof(loaded->why), "it is %s, but %s is %s", theirs,
		         library, ours);
	else
		snprintf(loaded->why, sizeof(loaded->why),
		         "nobody knows: it was given %s; its standard error may say", library);
}

static void read_comm(pid_t pid, char name[LOADED_NAME])
{
	FILE *file = process_open(pid, "comm");

	strcpy(name, "?");
	if (file && fgets(name, LOADED_NAME, file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
}

void loaded_look(pid_t pid, struct loaded *loaded)
{
	char line[PROCESS_LINE], library[TEXT], value[TEXT];
	const char *how;
	FILE *file = process_open(pid, "maps");

	memset(loaded, 0, sizeof(*loaded));
	read_comm(pid, loaded->name);
	if (!file || fgetc(file) == EOF) {
		loaded->state = errno == ENOENT ? LOADED_GONE : LOADED_UNKNOWN;
		snprintf(loaded->why, sizeof(loaded->why), "it may not be looked at%s",
		         geteuid() ? "; root may" : "");
		if (file)
			fclose(file);
		return;
	}
	fclose(file);
	if (process_has_library(pid, line)) {
		loaded->state = loaded_given(pid, "LBDNS_MODE", value) && !strcasecmp(value, "off")
		                        ? LOADED_OFF
		                        : LOADED_YES;
		if (loaded->state == LOADED_OFF)
			strcpy(loaded->why, "LBDNS_MODE=off");
		else if (is_secure(pid))
			strcpy(loaded->why, "its LBDNS_ settings are not believed");
		else if (strstr(line, "(deleted)"))
			strcpy(loaded->why, "of a version that was replaced since; restart it");
		else if (!before_is_copied(pid, loaded->why, sizeof(loaded->why)))
			before_in_process(pid, loaded->why, sizeof(loaded->why));
		return;
	}
	loaded->state = given_library(pid, library, &how) ? LOADED_MISSED : LOADED_NOT_GIVEN;
	if (loaded->state == LOADED_MISSED)
		say_why_missed(pid, library, how, loaded);
	else
		strcpy(loaded->why, "neither LD_PRELOAD nor /etc/ld.so.preload names liblbdns.so");
}

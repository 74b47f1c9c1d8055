#include "check.h"

#include "elf.h"
#include "inspect.h"
#include "processes.h"
#include "words.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 4096, NAME = 17 };

enum answer {
	ANSWER_LOADED,
	ANSWER_OFF,    /* loaded, and told to do nothing */
	ANSWER_MISSED, /* given, and not loaded */
	ANSWER_NOT_GIVEN,
	ANSWER_UNKNOWN, /* it may not be looked at */
	ANSWER_GONE
};

struct found {
	enum answer answer;
	char name[NAME];
	char why[TEXT + 256];
};

/* The value of a variable when the process was executed; false if it was not set. */
static bool given(pid_t pid, const char *name, char value[TEXT])
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

/* Of its mounts: where the library is that was named, into path; false if none was. */
static bool given_library(pid_t pid, char path[TEXT], const char **how)
{
	char list[TEXT] = "", *rest = list;
	FILE *file;

	*how = "LD_PRELOAD";
	if (!given(pid, "LD_PRELOAD", list) || !strstr(list, "liblbdns.so")) {
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

/* AT_SECURE of getauxval(3): setuid, setgid, capabilities. */
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

static void say_why_missed(pid_t pid, const char *library, const char *how, struct found *found)
{
	char path[TEXT + 64], theirs[48], ours[48];
	struct elf program, file;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (elf_read(path, &program) == ELF_FILE && !program.interpreter[0]) {
		snprintf(found->why, sizeof(found->why), "it is statically linked%s",
		         program.is_go ? ", of Go" : "");
		return;
	}
	if (is_secure(pid)) {
		snprintf(found->why, sizeof(found->why),
		         "it is setuid, setgid or has file capabilities: the loader ignores %s",
		         how);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root%s%s", (int)pid, *library == '/' ? "" : "/",
	         library);
	if (*library != '/')
		snprintf(found->why, sizeof(found->why), "%s names %s, which is not found", how,
		         library);
	else if (elf_read(path, &file) != ELF_FILE)
		snprintf(found->why, sizeof(found->why), "%s names %s, which is %s there", how,
		         library, access(path, F_OK) ? "not" : "no library that can be read");
	else if (strcmp(elf_architecture(&program, theirs), elf_architecture(&file, ours)) != 0)
		snprintf(found->why, sizeof(found->why), "it is %s, but %s is %s", theirs, library,
		         ours);
	else
		snprintf(found->why, sizeof(found->why),
		         "nobody knows: it was given %s; its standard error may say", library);
}

static void read_name(pid_t pid, char name[NAME])
{
	FILE *file = process_open(pid, "comm");
	char line[64] = "?";

	if (file && fgets(line, sizeof(line), file))
		line[strcspn(line, "\n")] = '\0';
	if (file)
		fclose(file);
	words_plain(line, name, NAME);
}

static void look(pid_t pid, struct found *found)
{
	char line[PROCESS_LINE], library[TEXT], value[TEXT];
	const char *how;
	FILE *file = process_open(pid, "maps");

	memset(found, 0, sizeof(*found));
	read_name(pid, found->name);
	if (!file || fgetc(file) == EOF) {
		found->answer = errno == ENOENT ? ANSWER_GONE : ANSWER_UNKNOWN;
		snprintf(found->why, sizeof(found->why), "it may not be looked at%s",
		         geteuid() ? "; root may" : "");
		if (file)
			fclose(file);
		return;
	}
	fclose(file);
	if (process_has_library(pid, line)) {
		found->answer = given(pid, "LBDNS_MODE", value) && !strcasecmp(value, "off")
		                        ? ANSWER_OFF
		                        : ANSWER_LOADED;
		if (found->answer == ANSWER_OFF)
			strcpy(found->why, "LBDNS_MODE=off");
		else if (is_secure(pid))
			strcpy(found->why, "its LBDNS_ settings are not believed");
		else if (strstr(line, "(deleted)"))
			strcpy(found->why, "of a version that was replaced since; restart it");
		return;
	}
	found->answer = given_library(pid, library, &how) ? ANSWER_MISSED : ANSWER_NOT_GIVEN;
	if (found->answer == ANSWER_MISSED)
		say_why_missed(pid, library, how, found);
	else
		strcpy(found->why, "neither LD_PRELOAD nor /etc/ld.so.preload names liblbdns.so");
}

static const char *answer_text(enum answer answer)
{
	static const char texts[][12] = {"loaded",    "off",     "NOT LOADED",
	                                 "not given", "unknown", "gone"};

	return texts[answer];
}

static void say(pid_t pid, const struct found *found)
{
	char plain[sizeof(found->why)];

	printf("%-8d %-16s %-10s%s%s\n", (int)pid, found->name, answer_text(found->answer),
	       *found->why ? " " : "", words_plain(found->why, plain, sizeof(plain)));
}

static int check_all(void)
{
	struct process_list *list = processes_list();
	struct found found;
	unsigned missed = 0, said = 0;

	for (unsigned i = 0; list && i < list->count; i++) {
		look(list->pids[i], &found);
		if (found.answer > ANSWER_MISSED)
			continue;
		say(list->pids[i], &found);
		said++;
		missed += found.answer == ANSWER_MISSED;
	}
	free(list);
	if (!said)
		printf("no process was given liblbdns.so\n");
	return missed || !said ? FAILED : DONE;
}

int check_process(int pid)
{
	struct found found;

	if (!pid)
		return check_all();
	look(pid, &found);
	if (found.answer == ANSWER_GONE) {
		complain("there is no process %d", pid);
		return FAILED;
	}
	say(pid, &found);
	return found.answer == ANSWER_LOADED ? DONE : FAILED;
}

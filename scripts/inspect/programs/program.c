#include "programs/program.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/capability.h>

enum { DEPTH = 5, LINE = 4096 };

/* A file that is being judged. */
struct judged {
	const char *file;   /* its path */
	const char *called; /* what messages call it */
	const char *library;
	unsigned depth; /* #! lines that led to it */
};

static bool judge(const struct judged *judged, struct program *program);

/* Fills in why_not and status. Returns false. */
static bool refuse(struct program *program, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct program *program, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(program->why_not, sizeof(program->why_not), format, arguments);
	va_end(arguments);
	program->status = status;
	return false;
}

/* ---- AT_SECURE, as cap_bprm_creds_from_file() of the kernel decides */

/* Returns whether an id is one of this user namespace (user_namespaces(7)). */
static bool is_mapped(unsigned id, const char *map)
{
	unsigned inside, outside, count;
	FILE *file = fopen(map, "re");
	bool mapped = !file;

	while (file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
		if (id >= inside && id - inside < count)
			mapped = true;
	if (file)
		fclose(file);
	return mapped;
}

static bool has_no_new_privileges(void)
{
	char line[256];
	int on = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "NoNewPrivs: %d", &on) == 1)
			break;
	if (file)
		fclose(file);
	return on;
}

/* Returns whether a file gives capabilities: effective or permitted ones, because inheritable ones
 * alone give nothing. */
static bool has_capabilities(const char *file)
{
	struct vfs_ns_cap_data data = {.magic_etc = 0};
	ssize_t size = getxattr(file, "security.capability", &data, sizeof(data));

	return size >= (ssize_t)sizeof(uint32_t) * 3 &&
	       (data.magic_etc & VFS_CAP_FLAGS_EFFECTIVE || data.data[0].permitted ||
	        (size >= (ssize_t)sizeof(uint32_t) * 5 && data.data[1].permitted));
}

/* Returns why the kernel would set AT_SECURE for a file; NULL if it would not. */
static const char *privilege(const char *file)
{
	struct stat status;

	if (stat(file, &status))
		return NULL;
	if (!has_no_new_privileges() && is_mapped(status.st_uid, "/proc/self/uid_map") &&
	    is_mapped(status.st_gid, "/proc/self/gid_map")) {
		if (status.st_mode & S_ISUID && status.st_uid != getuid())
			return "is setuid";
		/* Without x for the group it is for locking, and changes no id. */
		if (status.st_mode & S_ISGID && status.st_mode & S_IXGRP &&
		    status.st_gid != getgid())
			return "is setgid";
	}
	return getuid() && has_capabilities(file) ? "has file capabilities" : NULL;
}

/* Returns gcc's libasan if a program needs it, which ends the program where it is not the first
 * library; NULL: it may be anywhere. */
static const char *needs_to_be_first(const struct elf *elf)
{
	const char *options = getenv("ASAN_OPTIONS");

	return options && strstr(options, "verify_asan_link_order=0")
	               ? NULL
	               : elf_needs(elf, "libasan.so");
}

/* ---- Finding */

/* Finds a command in PATH, as exec does: what can be executed; else what is there and cannot; else
 * "". */
static void find_command(const char *command, char found[PROGRAM_PATH])
{
	const char *path = getenv("PATH"), *end;
	char file[PROGRAM_PATH];
	struct stat status;

	found[0] = '\0';
	if (strchr(command, '/')) {
		snprintf(found, PROGRAM_PATH, "%s", command);
		return;
	}
	for (; path && *command; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		if (snprintf(file, sizeof(file), "%.*s%s%s", (int)(end - path), path,
		             end == path ? "./" : "/", command) >= (int)sizeof(file) ||
		    stat(file, &status) || !S_ISREG(status.st_mode))
			continue;
		if (!access(file, X_OK) || !found[0])
			strcpy(found, file);
		if (!access(file, X_OK))
			return;
	}
}

/* Judges what "#!/usr/bin/env -S python3 -u" finds. words are those after env. */
static bool judge_env(const struct judged *script, char *words, struct program *program)
{
	char found[PROGRAM_PATH], called[PROGRAM_PATH * 2];
	struct judged next = {.file = found,
	                      .called = called,
	                      .library = script->library,
	                      .depth = script->depth + 1};
	char *rest = words;

	for (char *word = strtok_r(NULL, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (!strncmp(word, "-S", 2))
			word += 2;
		if (*word == '-')
			return true; /* may have words of its own: exec will tell */
		if (!*word || strchr(word, '='))
			continue;
		find_command(word, found);
		snprintf(called, sizeof(called), "%s (which runs %s)", found[0] ? found : word,
		         script->file);
		return judge(&next, program);
	}
	return true;
}

static bool judge_script(const struct judged *script, struct program *program)
{
	char line[LINE], called[PROGRAM_PATH * 2], *rest = line + 2, *interpreter, *base;
	FILE *file = fopen(script->file, "re");
	bool read = file && fgets(line, sizeof(line), file);
	struct judged next = {
		.called = called, .library = script->library, .depth = script->depth + 1};

	if (file)
		fclose(file);
	if (!read)
		return true;
	line[strcspn(line, "\n")] = '\0';
	interpreter = strtok_r(NULL, " \t", &rest);
	if (!interpreter)
		return true; /* the shell runs it */
	snprintf(called, sizeof(called), "%s (which runs %s)", interpreter, script->file);
	next.file = interpreter;
	if (!judge(&next, program))
		return false;
	base = strrchr(interpreter, '/');
	return strcmp(base ? base + 1 : interpreter, "env") != 0 ||
	       judge_env(script, rest, program);
}

/* ---- Judging */

/* Returns whether a file is a loader, which preloads into what it runs if it is called by name. */
static bool is_loader(const char *file)
{
	char real[PROGRAM_PATH];
	const char *base = realpath(file, real) ? strrchr(real, '/') : NULL;

	return base && (!strcmp(base, "/ld.so") || !strcmp(base, "/libc.so") ||
	                (!strncmp(base, "/ld-", 4) && strstr(base, ".so")));
}

static bool judge_elf(const struct judged *judged, struct program *program)
{
	char ours[48], theirs[48];
	const char *why = privilege(judged->file), *first;
	struct elf library;

	if (!program->elf.interpreter[0] && !is_loader(judged->file))
		return refuse(program, 126, "%s is statically linked: LD_PRELOAD cannot reach it",
		              judged->called);
	if (elf_read(judged->library, &library) == ELF_FILE &&
	    strcmp(elf_architecture(&library, ours), elf_architecture(&program->elf, theirs)) != 0)
		return refuse(program, 126, "%s is %s, but %s is %s", judged->called, theirs,
		              judged->library, ours);
	if (why)
		return refuse(program, 126, "%s %s: the loader ignores LD_PRELOAD for it",
		              judged->called, why);
	first = needs_to_be_first(&program->elf);
	if (first)
		return refuse(program, 126, "%s wants %s to be first: LD_PRELOAD=%s:%s works",
		              judged->called, first, first, judged->library);
	return true;
}

static bool is_script(const char *path)
{
	char start[2] = "";
	FILE *file = fopen(path, "re");
	bool script = file && fread(start, 1, 2, file) == 2 && start[0] == '#' && start[1] == '!';

	if (file)
		fclose(file);
	return script;
}

static bool judge(const struct judged *judged, struct program *program)
{
	struct stat status;

	program->path[0] = '\0';
	if (!*judged->file || stat(judged->file, &status))
		return refuse(program, 127, "no such command: %s", judged->called);
	if (S_ISDIR(status.st_mode))
		return refuse(program, 126, "%s is a directory", judged->called);
	if (access(judged->file, X_OK))
		return refuse(program, 126, "%s is not executable", judged->called);
	if (is_script(judged->file)) {
		/* The kernel's own limit (execve(2), ELOOP). */
		if (judged->depth >= DEPTH)
			return refuse(program, 126, "%s: too many levels of #! lines",
			              judged->called);
		return judge_script(judged, program);
	}
	if (elf_read(judged->file, &program->elf) != ELF_FILE)
		return true; /* may well run; there is no looking into it */
	snprintf(program->path, sizeof(program->path), "%s", judged->file);
	return judge_elf(judged, program);
}

bool program_judge(const char *command, const char *library, struct program *program)
{
	char found[PROGRAM_PATH];
	struct judged judged = {.file = found, .library = library};

	memset(program, 0, sizeof(*program));
	find_command(command, found);
	judged.called = found[0] ? found : command;
	return judge(&judged, program);
}

#include "commands/check.h"

#include "commands/commands.h"
#include "commands/options.h"
#include "programs/before.h"
#include "programs/loaded.h"
#include "programs/program.h"
#include "report/complain.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
	"Usage: lbdns check PROGRAM [ARGUMENT]...\n"
	"       lbdns check --name NAME[:PORT]\n"
	"       lbdns check --pid PID | --all\n"
	"\n"
	"Says whether connections will rotate, and why not:\n"
	"for a program, whether the library can be loaded into it and sees what it does;\n"
	"\n"
	"  --name NAME[:PORT]  for a name, which endpoints DNS has, whether they are\n"
	"                      eligible, the next picks, and whether they answer on the\n"
	"                      port (the settings are those of the environment)\n"
	"  --pid PID           for a running process, whether it has loaded the library\n"
	"  --all               the same for all processes that were given it\n"
	"\n"
	"Exit status: 0 yes; 1 no; 2 wrong use.\n";

enum { OLDEST_GLIBC = 17 }; /* 2.17 */

const char *check_library(void)
{
	static char path[PROGRAM_PATH];
	const char *given = getenv("LBDNS_LIBRARY");
	ssize_t length;
	char *slash;

	if (given && *given)
		return given;
	length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("liblbdns.so"));
	path[length > 0 ? length : 0] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "liblbdns.so");
	return path;
}

static void note(const char *text)
{
	printf("  %s\n", text);
}

/* Shows what else is in LD_PRELOAD; a copy of the library is not kept by lbdns run, and serves as
 * well without it. */
static void note_preload(void)
{
	const char *preload = getenv("LD_PRELOAD");
	char *list = strdup(preload ? preload : ""), *rest = list, why[LOADED_WHY];

	for (char *each; list && (each = strtok_r(NULL, ": ", &rest));) {
		const char *base = strrchr(each, '/');

		if (strcmp(base ? base + 1 : each, "liblbdns.so") != 0)
			printf("  LD_PRELOAD has %s too: lbdns run keeps it, after the library\n",
			       each);
	}
	free(list);
	if (preload && before_in_list(preload, why, sizeof(why)))
		note(why);
	if (preload && before_are_two(preload, why, sizeof(why)))
		note(why);
}

static void note_limits(const struct program *program)
{
	if (program->elf.is_go)
		note("It is written in Go and connects by system calls of its own: only its "
		     "lookups\n"
		     "  are seen, and those only with GODEBUG=netdns=cgo");
	if (elf_needs(&program->elf, "libcares.so"))
		note("It may look names up with c-ares, past libc: list them in LBDNS_NAMES");
	if (elf_needs(&program->elf, "liburing.so"))
		note("It has io_uring: connections that are made by it are not seen");
}

static int check_program(const char *command)
{
	struct program program;
	char libc[48], architecture[48];
	unsigned minor;

	if (!program_judge(command, check_library(), &program)) {
		printf("no: %s\n", program.why_not);
		return FAILED;
	}
	if (!program.path[0]) {
		printf("yes, as far as can be seen: %s is no program that can be looked into\n",
		       command);
		return DONE;
	}
	elf_libc(program.elf.interpreter, libc);
	if (sscanf(libc, "glibc 2.%u", &minor) == 1 && minor < OLDEST_GLIBC) {
		printf("no: %s: %s is older than 2.17\n", program.path, libc);
		return FAILED;
	}
	printf("yes: %s: %s, dynamic, %s%s\n", program.path,
	       elf_architecture(&program.elf, architecture), *libc ? "" : "unknown libc ",
	       *libc ? libc : program.elf.interpreter);
	note_limits(&program);
	note_preload();
	return DONE;
}

int judge_main(int count, char **arguments)
{
	struct program program;
	struct elf library;

	if (count != 3)
		return WRONG_USE;
	if (elf_read(arguments[1], &library) != ELF_FILE) {
		complain("%s is not a shared library", arguments[1]);
		return 126;
	}
	if (program_judge(arguments[2], arguments[1], &program))
		return DONE;
	complain("%s", program.why_not);
	return program.status;
}

int check_main(int count, char **arguments)
{
	struct targets targets = {.pid = 0};
	const char *name = NULL;
	const struct own_option own[] = {{"name", NULL, &name}, {NULL, NULL, NULL}};
	const struct options options = {.help = HELP, .own = own, .targets = &targets};
	int end = options_read(count, arguments, &options), asked;

	if (end != OPTIONS_READ)
		return end;
	asked = (optind < count) + !!name + !!targets.pid + targets.all;
	if (asked != 1) {
		complain(asked ? "check: one of a program, --name, --pid and --all at a time"
		               : "check what? a program, --name, --pid or --all");
		return WRONG_USE;
	}
	if (name)
		return check_name(name);
	return optind < count ? check_program(arguments[optind]) : check_process(targets.pid);
}

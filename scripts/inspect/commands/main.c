#include "commands/commands.h"

#include "report/complain.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	int (*main)(int, char **);
} commands[] = {
	{"status", status_main}, {"mode", mode_main},   {"metrics", metrics_main},
	{"check", check_main},   {"judge", judge_main}, /* for lbdns run: LIBRARY COMMAND */
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(arguments[1], commands[i].name))
			return commands[i].main(count - 1, arguments + 1);
	complain(count > 1 ? "unknown command %s; try lbdns --help"
	                   : "nothing to do; try lbdns --help",
	         count > 1 ? arguments[1] : "");
	return WRONG_USE;
}

/* The options of a command: its own, and --pid, --all and --help, which each of them takes. */
#ifndef LBDNS_INSPECT_COMMANDS_OPTIONS_H
#define LBDNS_INSPECT_COMMANDS_OPTIONS_H

#include "report/source.h"

#include <stdbool.h>

/* An option of one command, where what is read of it goes. */
struct own_option {
	const char *name;   /* without its "--"; NULL ends an array of them */
	bool *given;        /* set to true by "--name"; NULL if the option has a value */
	const char **value; /* set to VALUE by "--name VALUE"; NULL if the option has none */
};

struct options {
	const char *help;             /* what --help shows */
	const struct own_option *own; /* at most OPTIONS_OWN */
	struct targets *targets;      /* where --pid and --all go */
};

enum {
	OPTIONS_OWN = 4,
	OPTIONS_READ = -1 /* no exit status: the command goes on */
};

/* Reads the options up to the first argument that is none, which arguments[optind] is then. Returns
 * OPTIONS_READ, or the exit status of a command that has nothing left to do: it has shown its help,
 * or complained about an option. */
int options_read(int count, char **arguments, const struct options *options);

/* Reads the options of a command that takes no other arguments. Returns as options_read. */
int options_read_all(int count, char **arguments, const struct options *options);

#endif

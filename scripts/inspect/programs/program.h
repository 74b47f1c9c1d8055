/* Would the library be loaded into a program? One opinion, for `lbdns check` and `lbdns run`. */
#ifndef LBDNS_INSPECT_PROGRAMS_PROGRAM_H
#define LBDNS_INSPECT_PROGRAMS_PROGRAM_H

#include "programs/elf.h"

#include <stdbool.h>
#include <stddef.h>

enum { PROGRAM_PATH = 4096, PROGRAM_WHY = 9000 };

struct program {
	char path[PROGRAM_PATH]; /* of the ELF file that runs in the end; "": not known */
	struct elf elf;
	char why_not[PROGRAM_WHY]; /* why the library cannot be loaded; "": nothing speaks against
	                              it */
	int status;                /* of why_not, for exit: 126, or 127 (no such command) */
};

/* Finds the command as exec would, through #! lines, and judges it. True if nothing speaks against
 * loading library into it. */
bool program_judge(const char *command, const char *library, struct program *program);

#endif

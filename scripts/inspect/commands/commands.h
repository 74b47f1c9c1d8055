/* lbdns-inspect: the part of the command that looks at what clients are doing: `lbdns status`,
 * `mode`, `metrics` and `check`. One static program, so that it runs in any container, whatever its
 * libc, and in one without a shell as well. */
#ifndef LBDNS_INSPECT_COMMANDS_COMMANDS_H
#define LBDNS_INSPECT_COMMANDS_COMMANDS_H

/* Each is the main function of the command of its name, which is arguments[0]. They return an exit
 * status of report/complain.h; judge_main also 126 and 127 (programs/program.h). */
int status_main(int count, char **arguments);
int mode_main(int count, char **arguments);
int metrics_main(int count, char **arguments);
int check_main(int count, char **arguments);
int judge_main(int count, char **arguments);

#endif

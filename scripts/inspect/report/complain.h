/* What a command says besides its output: complaints, and an exit status. */
#ifndef LBDNS_INSPECT_REPORT_COMPLAIN_H
#define LBDNS_INSPECT_REPORT_COMPLAIN_H

/* Exit statuses of the commands. */
enum { DONE = 0, FAILED = 1, WRONG_USE = 2 };

/* Writes "lbdns: …" and a line end to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

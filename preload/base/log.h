/* Lines for people: "lbdns[1234]: warn: …\n", each one write(2), to stderr or LBDNS_LOG_FILE.
 *
 * Nothing is written unless LBDNS_LOG asks for its level. Lines for stderr are dropped once
 * descriptor 2 is another file than at the start: a client may have reopened it as a data file. A
 * line that would block is dropped too, and no write raises a signal. errno is kept. Any thread,
 * any signal handler; at most 900 bytes of stack, 300 where the level is off, and none behind
 * log_wants. */
#ifndef LBDNS_BASE_LOG_H
#define LBDNS_BASE_LOG_H

#include "base/config.h"

#include <stdbool.h>

/* Notes which file descriptor 2 is. The constructor, before config_load. */
void log_start(void);

static inline bool log_wants(enum config_log level)
{
	return __builtin_expect(level <= config.log, 0);
}

/* One line from texts, cut at 255 bytes with its newline; NULL ends the list: log_line(LOG_INFO,
 * name, ": gone", NULL). Bytes that are not printable ASCII are shown as `?`. */
void log_line(enum config_log level, ...) __attribute__((sentinel));

/* The one line that is written without being asked for: a wrong setting, as "lbdns: <line>\n",
 * always to stderr (nobody would look for it in a log file). LBDNS_LOG=off silences it. The
 * constructor only. */
void log_setting_error(const char *line);

#endif

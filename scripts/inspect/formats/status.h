/* The two forms of `lbdns status`. */
#ifndef LBDNS_INSPECT_FORMATS_STATUS_H
#define LBDNS_INSPECT_FORMATS_STATUS_H

#include "report/report.h"
#include "report/source.h"

#include <stdbool.h>

/* Writes tables for people to standard output; if recent, the last rewritten connections instead.
 */
void status_text(const struct source *source, const struct report *report, bool recent,
                 bool colour);

/* Writes one JSON object to standard output, without a line end. */
void status_json(const struct source *source, const struct report *report);

#endif

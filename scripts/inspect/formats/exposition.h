/* Metrics in the text format of Prometheus: the series of all reports, by metric. */
#ifndef LBDNS_INSPECT_FORMATS_EXPOSITION_H
#define LBDNS_INSPECT_FORMATS_EXPOSITION_H

#include "report/report.h"
#include "report/source.h"

#include <stdbool.h>
#include <stdio.h>

struct exposition {
	bool labelled;   /* series have labels for user, container and IPC namespace */
	bool endpoints;  /* write the series of each endpoint too */
	unsigned errors; /* sources that could not be read */
	unsigned count;  /* of exposed */
	struct exposed {
		const struct source *source;
		struct report *report;
	} * exposed;
};

/* Adds a report of source_memory, which exposition_free frees then. False if there is no memory. */
bool exposition_add(struct exposition *exposition, const struct source *source,
                    struct report *report);

void exposition_write(FILE *to, const struct exposition *exposition);
void exposition_free(struct exposition *exposition);

#endif

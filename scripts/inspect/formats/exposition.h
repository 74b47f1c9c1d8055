/* The text format of Prometheus: the series of all reports, by metric. */
#ifndef LBDNS_INSPECT_FORMATS_EXPOSITION_H
#define LBDNS_INSPECT_FORMATS_EXPOSITION_H

#include "report/report.h"
#include "report/source.h"

#include <stdbool.h>
#include <stdio.h>

struct exposition {
	bool labelled;  /* with whose they are: user, container, IPC namespace */
	bool endpoints; /* those of each endpoint too */
	unsigned errors, count;
	struct exposed {
		const struct source *source;
		struct report *report;
	} * exposed;
};

/* Takes over the report (of source_memory); false if there is no memory. */
bool exposition_add(struct exposition *exposition, const struct source *source,
                    struct report *report);

void exposition_write(FILE *to, const struct exposition *exposition);
void exposition_free(struct exposition *exposition);

#endif

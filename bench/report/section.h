/* SPDX-License-Identifier: MIT */
/*
 * One variant of one scenario in a report: a heading, how it was measured, a
 * table with one row per target, and a sentence with its figures.
 */
#ifndef BENCH_REPORT_SECTION_H
#define BENCH_REPORT_SECTION_H

#include <stddef.h>
#include <stdio.h>

#include "bench/report/table.h"
#include "bench/report/view.h"

#define SECTION_ROWS 64

struct section {
	const struct cJSON *scenario; /* borrowed, as all */
	const char *variant, *help;
	const struct cJSON *rows[SECTION_ROWS]; /* measurements */
	size_t count;
};

/* Operations */
/*
 * The next section of the run that holds measurements: start with zeroed
 * *scenario and *variant positions. False at the end.
 */
bool section_next(const struct cJSON *run, size_t position[2],
		  struct section *out);
void section_title(const struct section *s, FILE *out);
/* "1,000 subscribers, 128 bytes, ...": what the rows have in common. */
void section_setting(const struct section *s, FILE *out);
void section_table(const struct section *s, struct view_caveats *caveats,
		   FILE *out, enum table_output how);
/* Where a delivery's bytes go, and context switches; nothing when unknown. */
void section_costs(const struct section *s, FILE *out, enum table_output how);
/* Process CPU, and with softirq re-attributed; nothing where not sampled. */
void section_softirq(const struct section *s, FILE *out, enum table_output how);
void section_sentence(const struct section *s, FILE *out);

#endif

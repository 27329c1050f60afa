/* SPDX-License-Identifier: MIT */
/*
 * One variant of one scenario in a report: a heading, how it was measured, a
 * table with one row per target, and a sentence with its figures.
 */
#ifndef BENCH_REPORT_SECTION_H
#define BENCH_REPORT_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report/table.h"
#include "bench/report/view.h"

#define SECTION_ROWS 64

struct section {
	const struct cJSON *scenario; /* borrowed, as all */
	const char *variant, *help;
	const struct cJSON *rows[SECTION_ROWS]; /* invalid ones last */
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
/*
 * One sentence with its figures. Of more than a few targets only what ranks
 * them: the table has the rest.
 */
void section_sentence(const struct section *s, FILE *out);

/* Queries */
/* Whether its rows are what a method observed, and no pairs or memory. */
bool section_is_observed(const struct section *s);
/* Compared is the tail of those who read beside some who do not. */
bool section_is_tail(const struct cJSON *m);
/* Each unit is a connection that was opened. */
bool section_is_connect(const struct cJSON *m);

#endif

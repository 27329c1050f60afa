/* SPDX-License-Identifier: MIT */
/*
 * The line under a table of latencies that tells the machine's own part in
 * them, from the members `hiccups` of its rows.
 */
#ifndef BENCH_REPORT_HICCUPS_H
#define BENCH_REPORT_HICCUPS_H

#include <stdio.h>

#include "bench/report/section.h"

/* Operations */
/*
 * For each core the worst of the rows, with `before` in front; nothing when no
 * row has any, or the table has no latencies.
 */
void hiccups_line(const struct section *s, const char *before, FILE *out);

#endif

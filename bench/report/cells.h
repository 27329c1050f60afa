/* SPDX-License-Identifier: MIT */
/*
 * Cells of a report's tables, from members of a measurement. What is not
 * there is a dash; what must not be ranked stands in parentheses.
 */
#ifndef BENCH_REPORT_CELLS_H
#define BENCH_REPORT_CELLS_H

#include <stdbool.h>

#include "bench/report/table.h"
#include "bench/report/view.h"

/* Operations */
/* Two cells: p50, and p99 or the highest percentile that there is. */
void cells_latency(struct table *t, const struct cJSON *latency, bool unranked);
void cells_count(struct table *t, double n, bool unranked);
void cells_us(struct table *t, double ns, bool unranked);
void cells_cpu(struct table *t, const struct cJSON *side, bool unranked);
void cells_ratio(struct table *t, struct view_figure f, bool unranked);
void cells_calls(struct table *t, double n);
void cells_bytes(struct table *t, double n);
/* Two cells: the value and its interval. */
void cells_memory(struct table *t, struct view_figure f);
/* A method's observation; NULL: it has none. */
void cells_observation(struct table *t, const struct cJSON *observation,
		       bool unranked);
void cells_verdict(struct table *t, const struct cJSON *measurement);
/* The numbers of its caveats. */
void cells_notes(struct table *t, const struct cJSON *measurement,
		 struct view_caveats *c);

#endif

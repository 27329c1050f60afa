/* SPDX-License-Identifier: MIT */
/* What reading a scenario and asking it share: the tables of their lists. */
#ifndef BENCH_RUN_SCENARIO_INTERNAL_H
#define BENCH_RUN_SCENARIO_INTERNAL_H

#include "bench/run/scenario.h"

struct param_row {
	const char *name;
	bool whole; /* a count or a flag */
	double value, min, max;
};

extern const struct param_row param_rows[PARAM_COUNT];
extern const char *const scenario_method_names[]; /* NULL-terminated */

/* PARAM_COUNT when there is none of that name. */
enum param param_find(const char *name, size_t n);
/* Whether the parameter can have that value, but for its range. */
bool param_has(enum param p, double value);
/* Whether all rooms together have no more members than the scenario takes. */
bool scenario_rooms_fit(const struct scenario *s,
			const double values[PARAM_COUNT]);

#endif

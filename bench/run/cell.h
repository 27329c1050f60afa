/* SPDX-License-Identifier: MIT */
/*
 * One scenario on one target: all its variants, over several starts of the
 * servers. The suite's inner part.
 */
#ifndef BENCH_RUN_CELL_H
#define BENCH_RUN_CELL_H

#include <stddef.h>

#include "bench/run/measurement.h"
#include "bench/run/suite.h"

struct cell {
	struct suite *suite;
	const struct scenario *scenario;
	const struct target *target;
	const struct target *baseline;	  /* NULL: none */
	struct measurement *measurements; /* one per variant */
	struct rig rig;
	uint32_t connected; /* subscribers of each group */
	bool is_connected;
	double planned, accounted; /* seconds, for the progress line */
};

/* Operations */
void cell_run(struct cell *c);

/* Queries */
/* Seconds that one variant takes with these values. */
double cell_planned(const struct scenario *s, const double values[PARAM_COUNT]);
/* Whether the target can take part; raw groups do not poll, for example. */
bool cell_possible(const struct scenario *s, const struct target *t);

#endif

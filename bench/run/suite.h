/* SPDX-License-Identifier: MIT */
/*
 * The main job: every chosen scenario on every chosen target, one after the
 * other, each in slices next to slices of bare. Servers start and stop here;
 * one that fails is noted and the others go on.
 */
#ifndef BENCH_RUN_SUITE_H
#define BENCH_RUN_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/run/home.h"
#include "bench/run/interrupt.h"
#include "bench/run/machine.h"
#include "bench/run/measurement.h"
#include "bench/run/progress.h"
#include "bench/run/scenario.h"
#include "bench/run/target.h"
#include "servers/base/err.h"

struct suite {
	const struct home *home;    /* borrowed */
	struct scenario *scenarios; /* borrowed, in order */
	size_t scenario_count;
	struct target *targets; /* borrowed; [0] is the baseline */
	size_t target_count;
	enum scenario_size size;
	struct param_changes set; /* of --set */
	uint64_t seed;
	const char *folder; /* borrowed: logs go there */
	bool quiet;

	/* What it makes. */
	struct measurement *measurements; /* owned array */
	size_t count;
	bool interrupted;

	/* While it runs. */
	struct machine machine;
	struct interrupt interrupt;
	struct progress progress;
	uint64_t runs;	 /* slices named so far */
	double capacity; /* deliveries per second of the baseline, or 0 */
	double capacity_subscribers; /* that it was measured with */
};

/* Operations */
/*
 * Runs all. What was measured is in the measurements afterwards, also when it
 * was interrupted.
 */
void suite_run(struct suite *s);
void suite_release(struct suite *s); /* the measurements */

/* Queries */
/* Seconds that it is expected to take. */
double suite_planned(const struct suite *s);
/* Whether every measurement is complete and valid. */
bool suite_succeeded(const struct suite *s);

#endif

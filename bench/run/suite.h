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
#include <stdio.h>

#include "bench/run/home.h"
#include "bench/run/interrupt.h"
#include "bench/run/machine.h"
#include "bench/run/measurement.h"
#include "bench/run/meters.h"
#include "bench/run/progress.h"
#include "bench/run/scenario.h"
#include "bench/run/target.h"
#include "bench/run/until.h"
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
	bool no_counts;	    /* see measurement.h */
	struct until until; /* intervals that it goes on for */
	/*
	 * Told of each measurement once it is finished, also when it failed;
	 * false ends the run. MAY be NULL.
	 */
	bool (*finished)(void *context, struct suite *s, struct measurement *m);
	void *context; /* borrowed */
	FILE *events;  /* borrowed: for progress as JSON Lines, or NULL */
	/* Borrowed: measurements of an earlier run; those that are complete
	   are taken over. NULL: none. */
	const struct cJSON *earlier;
	struct machine machine; /* where it runs */
	/* Borrowed: what ends it early. NULL: signals act as usual. */
	struct interrupt *interrupt;

	/* What it makes. */
	struct measurement *measurements; /* owned array */
	size_t count;
	bool interrupted;
	bool stopped; /* by `finished` */

	/* While it runs. */
	struct meters meters;
	struct progress progress;
	uint64_t runs;	 /* slices named so far */
	double capacity; /* deliveries per second of the baseline, or 0 */
	double capacity_subscribers; /* that it was measured with */
	double planned_s, begun_s;   /* by size: in all, of cells begun */
	double more_s;		     /* spent beyond, for `until` */
};

/* Operations */
/*
 * Runs all. What was measured is in the measurements afterwards, also when it
 * was interrupted.
 */
void suite_run(struct suite *s);
void suite_release(struct suite *s); /* the measurements */
/* For cells: nothing more comes of a measurement. Only the first time. */
void suite_finish(struct suite *s, struct measurement *m);

/* Queries */
/* Seconds that it is expected to take, without what `until` adds. */
double suite_planned(const struct suite *s);
/* Measurements that it will run, and pairs of the largest of them. */
size_t suite_expected(const struct suite *s, double *pairs);
/* Whether every measurement is complete and valid. */
bool suite_succeeded(const struct suite *s);

#endif

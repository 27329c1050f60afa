/* SPDX-License-Identifier: MIT */
/*
 * How a scenario is measured, behind one table of operations: what a cell
 * (one scenario on one target) asks of the method that the scenario names.
 *
 * A method's file ends with its `const struct method`; method.c lists them.
 */
#ifndef BENCH_RUN_METHOD_H
#define BENCH_RUN_METHOD_H

#include <stdbool.h>

#include "bench/run/measurement.h"
#include "bench/run/scenario.h"

struct cell;

/* What the slices of a target are compared with. */
enum method_against {
	AGAINST_NOTHING,  /* there are no pairs */
	AGAINST_BASELINE, /* the scenario's baseline, or bare */
	AGAINST_ITSELF,	  /* both sides are groups of one server */
};

struct method {
	enum method_against against;
	enum metric primary; /* what the verdict is about */
	/*
	 * MAY be NULL: every target can take part. Whether the scenario wants
	 * it is asked elsewhere.
	 */
	bool (*possible)(const struct target *t);
	/* MUST say how many seconds one variant takes with these values. */
	double (*planned)(const double values[PARAM_COUNT]);
	/*
	 * MUST start what all variants share in the cell's rig, which is
	 * empty; called once for each start. What it started is stopped by
	 * the caller, also after a failure.
	 */
	enum err (*start)(struct cell *c);
	/*
	 * MUST measure one variant in that start. A failure of the server or
	 * worker is the rig's (rig->failure); a thing worth knowing, like a
	 * connection that a proxy refuses, is an observation.
	 */
	enum err (*run)(struct cell *c, struct measurement *m, unsigned start);
};

extern const struct method method_pairs, method_client, method_memory,
	method_network, method_connect, method_reconnect, method_zombie,
	method_capacity, method_echo, method_large;

/* For methods with pairs: the baseline's server, the target's, the worker. */
MUST_USE enum err method_start_pair(struct cell *c);

/* Queries */
const struct method *method_of(const struct scenario *s);

#endif

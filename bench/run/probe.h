/* SPDX-License-Identifier: MIT */
/*
 * The slices of a cell, and those around its pairs: what the baseline can
 * deliver, whether the target delivers the right thing, warming up, and the
 * silence at the end. Errors are those of the rig.
 */
#ifndef BENCH_RUN_PROBE_H
#define BENCH_RUN_PROBE_H

#include "bench/run/cell.h"

#define PROBE_SILENCE_S 0.25 /* behind the last slice, at most */

/* Operations */
/* Fills in m->values[PARAM_RATE] of an open loop. */
MUST_USE enum err probe_rate(struct cell *c, struct measurement *m);
/* Only the first time for each measurement. */
MUST_USE enum err probe_check(struct cell *c, struct measurement *m);
/*
 * Samples the stacks of a slice of either side, also only once; that perf
 * cannot is no error.
 */
MUST_USE enum err probe_stacks(struct cell *c, struct measurement *m);
MUST_USE enum err probe_warm_up(struct cell *c, struct measurement *m);
/*
 * Behind the last slice: who waits a while, and at most a slice, hears what is
 * sent a second time late. Both sides are heard meanwhile.
 */
MUST_USE enum err probe_silence(struct cell *c, struct measurement *m);
/* `out` is initialised here, and the caller's to release. */
MUST_USE enum err probe_slice(struct cell *c, struct load_plan plan, int side,
			      struct rig_slice *out);

/* Queries */
/* A slice of `ms` as the measurement's parameters say. */
struct load_plan probe_plan(const struct measurement *m, double ms);
/*
 * The server of a side: 0 is the baseline's and 1 the target's; against a
 * plain recv() loop both sides are groups of the target's.
 */
int probe_server(const struct cell *c, int side);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Slices of a target next to slices of its baseline, in the order A B B A:
 * one start's share of a measurement's pairs. A pair that was disturbed is run
 * once more, for up to a quarter of all of them.
 */
#ifndef BENCH_RUN_PAIRS_H
#define BENCH_RUN_PAIRS_H

#include "bench/run/cell.h"

/* Measures one slice of that side into `out`, which is initialised. */
typedef enum err pairs_slice_fn(struct cell *c, struct measurement *m, int side,
				struct rig_slice *out);

/* Operations */
/* `pair_s`: seconds that a pair was planned to take, for the progress. */
MUST_USE enum err pairs_run(struct cell *c, struct measurement *m,
			    unsigned start, double pair_s,
			    pairs_slice_fn *slice);

#endif

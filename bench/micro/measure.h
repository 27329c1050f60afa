/* SPDX-License-Identifier: MIT */
/*
 * Times a row: CPU time of the process over short slices in the order A B B A,
 * so that what the machine does for longer than a slice hits both sides, and
 * the ratio of neighbouring slices with its interval (bench/run/stats.h).
 */
#ifndef BENCH_MICRO_MEASURE_H
#define BENCH_MICRO_MEASURE_H

#include <stdint.h>

#include "bench/micro/row.h"
#include "bench/run/stats.h"
#include "servers/base/random.h"

struct measure_plan {
	unsigned pairs;
	uint64_t slice_ns;
	uint64_t seed;
};

struct measured {
	struct figure ns[ROW_SIDES]; /* CPU per unit */
	struct figure ratio;	     /* ours to the baseline's */
};

/* Operations */
void measure_row(const struct row *r, const struct measure_plan *plan,
		 struct measured *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Pairs of slices that come from several starts of the servers. A start may
 * have luck that all of its pairs share, its memory's layout for example,
 * of which an interval over the pairs knows too little.
 *
 * So the starts' means are compared with what the scatter of pairs within
 * starts makes of such means, autocorrelation included. Where they differ by
 * more than chance explains, an interval is at least as wide as that of the
 * means, each start being one observation. Where they do not, it stays as it
 * is: for three to eight starts that have nothing of their own that is so in
 * 92 to 95 of 100 measurements. Four starts of ten pairs that differ by as
 * much as single pairs scatter (8 %) are found out in 6 to 8 of 10. The
 * interval then covers 91 to 93 % instead of 80 to 89 (starts_test.c).
 */
#ifndef BENCH_RUN_STARTS_H
#define BENCH_RUN_STARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/run/stats.h"

#define STARTS_MIN 3	   /* with fewer nothing can be said of them */
#define STARTS_PAIRS_MIN 8 /* of each, on average */

/* Log-ratios, borrowed, and the start of each, those of one in a row. */
struct starts {
	const double *logs;
	const unsigned *of;
	size_t pairs;
};

/* Queries */
size_t starts_count(const struct starts *s);
/* The ratio of the `at`-th that has pairs: their geometric mean. */
double starts_ratio(const struct starts *s, size_t at);
/* Whether they differ by more than their pairs explain; false when too few. */
bool starts_differ(const struct starts *s);
/* stats_ratio() of all pairs, as wide as the starts make it. */
struct figure starts_figure(const struct starts *s, struct rng *r);

#endif

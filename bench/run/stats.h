/* SPDX-License-Identifier: MIT */
/*
 * The statistics of paired slices: log-ratios of neighbours, their mean with a
 * 95 % block-bootstrap interval, and the verdict against a margin. Pure
 * functions of their arguments and a seeded generator, so that a run's
 * figures can be computed again from its file.
 *
 * The interval. Neighbouring pairs share the machine's mood, so whole blocks
 * of pairs are drawn, which gives the interval its shape. Its width is
 * Student's quantile times an error that knows of the autocorrelation, since
 * the blocks of a short series are too much alike. On first-order series of
 * 10 to 120 pairs it covers 94 to 97 %, for autocorrelations of -0.2 to 0.5.
 * That servers differ from start to start is starts.h's.
 */
#ifndef BENCH_RUN_STATS_H
#define BENCH_RUN_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/random.h"

#define STATS_REPLICATES 2000
#define STATS_PAIRS_MIN 10 /* with fewer, an interval is only a hint */

struct figure {
	double value, low, high;
	size_t count; /* of the observations behind it; 0: not measured */
};

enum stats_verdict {
	VERDICT_BETTER,	      /* the interval lies below 1 */
	VERDICT_WORSE,	      /* it lies above 1 */
	VERDICT_EQUIVALENT,   /* it lies within the margin around 1 */
	VERDICT_INCONCLUSIVE, /* none of these, or nothing measured */
};

/* Queries */
double stats_mean(const double *x, size_t n);
double stats_sd(const double *x, size_t n); /* of a sample; 0 below two */
/* Of a copy; 0 for none. */
double stats_median(const double *x, size_t n);
/* Lag-1 autocorrelation, corrected for what short series hide of it. */
double stats_autocorrelation(const double *x, size_t n);
size_t stats_block(const double *x, size_t n); /* the block length used */
/* Of the mean, autocorrelation included; 0 below two. */
double stats_error(const double *x, size_t n);
/*
 * What a mean's variance is under autocorrelation r, relative to none, in a
 * series of `n`.
 */
double stats_inflation(double r, size_t n);
/* 97.5 % quantile of Student's distribution; df from 1 up. */
double stats_student(double df);

/*
 * Half the interval of a ratio that n pairs are expected to have, as a share,
 * where the pairs' log-ratios scatter by sd without autocorrelation.
 */
double stats_reach(double sd, size_t n);

/* Mean of x with its interval; with fewer than 2, low = high = value. */
struct figure stats_interval(const double *x, size_t n, struct rng *r);
/* The same, back from logarithms: x are log-ratios, the result ratios. */
struct figure stats_ratio(const double *log_ratios, size_t n, struct rng *r);
/* Mean of independent observations with Student's interval. */
struct figure stats_student_interval(const double *x, size_t n);
/* a / b of two independent ratios. */
struct figure stats_quotient(const struct figure *a, const struct figure *b);

/*
 * `lower_is_better` turns better and worse around; a difference within
 * `margin` (0.1: 10 %) is equivalent, even where it is certain.
 */
enum stats_verdict stats_judge(const struct figure *ratio, double margin,
			       bool lower_is_better);
const char *stats_verdict_name(enum stats_verdict v);

#endif

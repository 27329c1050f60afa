/* SPDX-License-Identifier: MIT */
#include "bench/run/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define NORMAL_975 1.959963984540054

/* Series of one variable */

double stats_mean(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return n > 0 ? sum / (double)n : 0;
}

double stats_sd(const double *x, size_t n)
{
	double mean = stats_mean(x, n);
	double sum = 0;

	if (n < 2)
		return 0;
	for (size_t i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);
	return sqrt(sum / (double)(n - 1));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_median(const double *x, size_t n)
{
	double *copy, median;

	if (n == 0)
		return 0;
	copy = xmalloc(n * sizeof(*copy));
	memcpy(copy, x, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), compare);
	median = n % 2 ? copy[n / 2] : (copy[n / 2 - 1] + copy[n / 2]) / 2;
	free(copy);
	return median;
}

double stats_autocorrelation(const double *x, size_t n)
{
	double mean = stats_mean(x, n), zero = 0, one = 0, r;

	if (n < 3)
		return 0;
	for (size_t i = 0; i < n; i++) {
		zero += (x[i] - mean) * (x[i] - mean);
		if (i > 0)
			one += (x[i] - mean) * (x[i - 1] - mean);
	}
	if (zero <= 0)
		return 0;
	/*
	 * A short series shows too little of it, and scatters. The constants
	 * are those with which the intervals of first-order series cover
	 * best, for n from 10 to 120 and r from -0.2 to 0.6 (stats_test.c).
	 */
	r = one / zero;
	r = r * (1 + 12 / (double)n) + 6 / (double)n - 0.04;
	return fmin(fmax(r, -0.4), 0.75);
}

/* The length that is best for a first-order process (Politis and White). */
size_t stats_block(const double *x, size_t n)
{
	double r = stats_autocorrelation(x, n);
	double g = 2 * r / (1 - r * r);
	double length = ceil(cbrt(1.5 * g * g * (double)n));

	if (r <= 0 || length < 2)
		length = 2;
	length = fmin(length, floor((double)n / 3));
	return length < 1 ? 1 : (size_t)length;
}

/* Cornish-Fisher around the normal one; exact where that is poor. */
double stats_student(double df)
{
	static const double few[] = {12.706, 4.303, 3.182, 2.776};
	double z = NORMAL_975, z2 = z * z;
	double z3 = z2 * z, z5 = z3 * z2, z7 = z5 * z2;

	if (df < 1.5)
		return few[0];
	if (df < 4.5)
		return few[(int)(df + 0.5) - 1];
	return z + (z3 + z) / (4 * df) +
	       (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

/* The bootstrap */

/* sums[i] is that of the first i of x, which goes round once. */
static double *sums_of(const double *x, size_t n)
{
	double *sums = xmalloc((2 * n + 1) * sizeof(*sums));

	sums[0] = 0;
	for (size_t i = 0; i < 2 * n; i++)
		sums[i + 1] = sums[i] + x[i % n];
	return sums;
}

/* The mean of one replicate: blocks from anywhere on the circle of pairs. */
static double replicate(const double *sums, size_t n, size_t block,
			struct rng *r)
{
	double sum = 0;

	for (size_t taken = 0; taken < n; taken += block) {
		size_t at = (size_t)rng_below(r, n);
		size_t end = at + (n - taken < block ? n - taken : block);

		sum += sums[end] - sums[at];
	}
	return sum / (double)n;
}

/* The k-th least of x, which is put into another order (Hoare). */
static double kth(double *x, size_t n, size_t k)
{
	size_t low = 0, high = n - 1;

	while (low < high) {
		double pivot = x[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i >= j)
				break;
			double swap = x[i];

			x[i++] = x[j];
			x[j--] = swap;
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return x[k];
}

double stats_inflation(double r, size_t n)
{
	double sum = 1, power = 1;

	for (size_t lag = 1; lag < n; lag++) {
		power *= r;
		sum += 2 * (1 - (double)lag / (double)n) * power;
	}
	return sum;
}

double stats_error(const double *x, size_t n)
{
	double more, seen;

	if (n < 2)
		return 0;
	more = stats_inflation(stats_autocorrelation(x, n), n);
	/* Neighbours are alike, so that the series varies too little. */
	seen = ((double)n - more) / (double)(n - 1);
	return stats_sd(x, n) * sqrt(more / seen / (double)n);
}

double stats_reach(double sd, size_t n)
{
	if (n < 2)
		return INFINITY;
	return exp(stats_student((double)n - 1) * sd / sqrt((double)n)) - 1;
}

struct figure stats_interval(const double *x, size_t n, struct rng *r)
{
	const size_t tail = STATS_REPLICATES / 40;
	struct figure f = {.value = stats_mean(x, n), .count = n};
	double *means, *sums, spread, wide;
	size_t block;

	f.low = f.high = f.value;
	if (n < 2)
		return f;
	if (n < 4)
		return stats_student_interval(x, n);
	block = stats_block(x, n);
	means = xmalloc(STATS_REPLICATES * sizeof(*means));
	sums = sums_of(x, n);
	for (size_t i = 0; i < STATS_REPLICATES; i++)
		means[i] = replicate(sums, n, block, r);
	free(sums);
	spread = stats_sd(means, STATS_REPLICATES);
	if (spread > 0) {
		wide = stats_student((double)n - 1) * stats_error(x, n) /
		       (NORMAL_975 * spread);
		f.low += wide * (kth(means, STATS_REPLICATES, tail) - f.value);
		f.high += wide * (kth(means, STATS_REPLICATES,
				      STATS_REPLICATES - 1 - tail) -
				  f.value);
	}
	free(means);
	return f;
}

struct figure stats_ratio(const double *log_ratios, size_t n, struct rng *r)
{
	struct figure f = stats_interval(log_ratios, n, r);

	if (n == 0)
		return (struct figure){0};
	f.value = exp(f.value);
	f.low = exp(f.low);
	f.high = exp(f.high);
	return f;
}

struct figure stats_student_interval(const double *x, size_t n)
{
	struct figure f = {.value = stats_mean(x, n), .count = n};
	double half = 0;

	if (n >= 2)
		half = stats_student((double)n - 1) * stats_sd(x, n) /
		       sqrt((double)n);
	f.low = f.value - half;
	f.high = f.value + half;
	return f;
}

/* Independent errors add in squares, each side with its own half. */
struct figure stats_quotient(const struct figure *a, const struct figure *b)
{
	struct figure f = {0};
	double below, above;

	if (a->count == 0 || b->count == 0 || a->low <= 0 || b->low <= 0)
		return f;
	f.count = a->count < b->count ? a->count : b->count;
	f.value = a->value / b->value;
	below = hypot(log(a->value / a->low), log(b->high / b->value));
	above = hypot(log(a->high / a->value), log(b->value / b->low));
	f.low = f.value * exp(-below);
	f.high = f.value * exp(above);
	return f;
}

/* Verdicts */

enum stats_verdict stats_judge(const struct figure *ratio, double margin,
			       bool lower_is_better)
{
	/* One observation has no interval, and decides nothing. */
	if (ratio->count < 2)
		return VERDICT_INCONCLUSIVE;
	if (ratio->low > 1 / (1 + margin) && ratio->high < 1 + margin)
		return VERDICT_EQUIVALENT;
	if (ratio->high < 1)
		return lower_is_better ? VERDICT_BETTER : VERDICT_WORSE;
	if (ratio->low > 1)
		return lower_is_better ? VERDICT_WORSE : VERDICT_BETTER;
	return VERDICT_INCONCLUSIVE;
}

const char *stats_verdict_name(enum stats_verdict v)
{
	static const char *const names[] = {"better", "worse", "equivalent",
					    "inconclusive"};

	return names[v];
}

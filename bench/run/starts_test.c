/* SPDX-License-Identifier: MIT */
/* Simulated pairs of starts that differ, and of such that do not. */
#include "bench/run/starts.h"

#include <criterion/criterion.h>
#include <math.h>

#define SD 0.08	   /* of neighbouring pairs' CPU */
#define PAIRS 10   /* of a start, as in size standard */
#define MOST 8	   /* starts */
#define TRIES 2000 /* of each case */

static double logs[PAIRS * MOST];
static unsigned of[PAIRS * MOST];

static double normal(struct rng *r)
{
	double u = 1 - rng_unit(r), v = rng_unit(r);

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
}

/* Pairs around `mean`, of `count` starts that differ by `between`. */
static struct starts draw(size_t count, double mean, double between, double rho,
			  struct rng *r)
{
	double e = normal(r), own = 0;

	for (size_t i = 0; i < count * PAIRS; i++) {
		if (i % PAIRS == 0)
			own = between * normal(r);
		of[i] = (unsigned)(i / PAIRS);
		logs[i] = mean + own + SD * e;
		e = rho * e + sqrt(1 - rho * rho) * normal(r);
	}
	return (struct starts){logs, of, count * PAIRS};
}

struct outcome {
	double differ;	       /* share in which the starts are said to */
	double covered, alone; /* with the starts looked at, and without */
	double found;	       /* intervals that are above 1 */
};

static struct outcome simulate(size_t count, double mean, double between,
			       double rho)
{
	struct rng data, boot, same;
	struct outcome o = {0};

	rng_seed(&data, 21);
	rng_seed(&boot, 22);
	rng_seed(&same, 22);
	for (int t = 0; t < TRIES; t++) {
		struct starts s = draw(count, mean, between, rho, &data);
		struct figure f = starts_figure(&s, &boot);
		struct figure g = stats_ratio(s.logs, s.pairs, &same);
		double truth = exp(mean);

		o.differ += starts_differ(&s) / (double)TRIES;
		o.covered +=
			(f.low <= truth && truth <= f.high) / (double)TRIES;
		o.alone += (g.low <= truth && truth <= g.high) / (double)TRIES;
		o.found += (f.low > 1) / (double)TRIES;
	}
	return o;
}

Test(starts, those_with_nothing_of_their_own_seldom_differ)
{
	static const size_t counts[] = {3, 4, 8};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (int r = 0; r <= 4; r += 2) {
			struct outcome o = simulate(counts[i], 0, 0, r / 10.0);

			cr_assert_leq(o.differ, 0.09, "%zu starts, 0.%d: %.3f",
				      counts[i], r, o.differ);
			cr_assert(o.covered > 0.93 && o.covered < 0.97,
				  "%zu starts, 0.%d: %.3f", counts[i], r,
				  o.covered);
		}
	}
}

/* The starts of size standard, by as much as single pairs scatter. */
Test(starts, those_that_differ_are_found_out_and_widen_the_interval)
{
	for (int r = 0; r <= 4; r += 2) {
		struct outcome o = simulate(4, 0, SD, r / 10.0);

		cr_assert_geq(o.differ, 0.55, "0.%d: %.3f", r, o.differ);
		cr_assert_geq(o.covered, 0.90, "0.%d: %.3f", r, o.covered);
		cr_assert_geq(o.covered, o.alone + 0.02, "0.%d: %.3f and %.3f",
			      r, o.covered, o.alone);
	}
	cr_assert_geq(simulate(4, 0, SD, 0).differ, 0.75);
	cr_assert_geq(simulate(8, 0, SD, 0.4).differ, 0.75);
	cr_assert_geq(simulate(8, 0, SD, 0.4).covered, 0.93);
}

/* What BENCHMARKING.md promises of size standard. */
Test(starts, a_change_of_a_tenth_is_still_found)
{
	struct outcome o = simulate(4, log(1.1), 0, 0.4);

	cr_assert_geq(o.found, 0.9, "%.3f", o.found);
}

Test(starts, their_ratios_are_the_geometric_means)
{
	const double x[] = {log(2.0), log(8.0), log(3.0)};
	const unsigned start[] = {0, 0, 2};
	const struct starts s = {x, start, 3};

	cr_assert_eq(starts_count(&s), 2);
	cr_assert_float_eq(starts_ratio(&s, 0), 4, 1e-9);
	cr_assert_float_eq(starts_ratio(&s, 1), 3, 1e-9);
	cr_assert_not(starts_differ(&s), "two are too few");
}

/* Three of ten pairs, the last one twice as dear; uneven ones as well. */
Test(starts, the_interval_is_that_of_the_means)
{
	struct figure f, g;
	struct starts s;
	struct rng r;

	rng_seed(&r, 3);
	s = draw(3, 0, 0, 0, &r);
	for (size_t i = 0; i < s.pairs; i++)
		logs[i] = (i % 2 ? 0.01 : -0.01) + (i < 20 ? 0 : log(2));
	cr_assert(starts_differ(&s));
	rng_seed(&r, 4);
	f = starts_figure(&s, &r);
	cr_assert_float_eq(f.value, cbrt(2), 1e-9);
	/* 4.303 * (log(2) / sqrt(3)) / sqrt(3), to either side. */
	cr_assert_float_eq(f.high / f.value, exp(4.303 * log(2) / 3), 1e-2);
	s.pairs = 25;
	cr_assert(starts_differ(&s));
	s.pairs = 20;
	rng_seed(&r, 4);
	f = starts_figure(&s, &r);
	rng_seed(&r, 4);
	g = stats_ratio(s.logs, s.pairs, &r);
	cr_assert_float_eq(f.low, g.low, 0);
	for (size_t i = 0; i < 30; i++)
		logs[i] = 0.5;
	s.pairs = 30;
	cr_assert_not(starts_differ(&s), "nothing scatters");
	s.pairs = 0;
	cr_assert_eq(starts_figure(&s, &r).count, 0);
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <math.h>

#include "bench/run/stats.h"

#define STANDARD_PAIRS 40 /* of the paired scenarios' size standard */

/* A standard normal number, by Box and Muller. */
static double normal(struct rng *r)
{
	double u = 1 - rng_unit(r), v = rng_unit(r);

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
}

/* A stationary first-order series around `mean`. */
static void series(double *x, size_t n, double mean, double sd, double rho,
		   struct rng *r)
{
	double e = normal(r);

	for (size_t i = 0; i < n; i++) {
		x[i] = mean + sd * e;
		e = rho * e + sqrt(1 - rho * rho) * normal(r);
	}
}

/* How often the interval of n pairs with autocorrelation rho holds 0. */
static double coverage(size_t n, double rho, unsigned tries)
{
	struct rng data, boot;
	unsigned hits = 0;
	double x[128];

	rng_seed(&data, 11);
	rng_seed(&boot, 12);
	for (unsigned t = 0; t < tries; t++) {
		struct figure f;

		series(x, n, 0, 1, rho, &data);
		f = stats_interval(x, n, &boot);
		hits += f.low <= 0 && f.high >= 0;
	}
	return (double)hits / tries;
}

static void expect_coverage(double rho)
{
	static const size_t ns[] = {10, 24, 38, 60, 100};

	for (size_t i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
		double share = coverage(ns[i], rho, 4000);

		cr_assert(share > 0.93 && share < 0.97,
			  "%zu pairs, autocorrelation %.1f: %.4f", ns[i], rho,
			  share);
	}
}

Test(stats, interval_covers_independent_pairs)
{
	expect_coverage(0);
}

Test(stats, interval_covers_slightly_autocorrelated_pairs)
{
	expect_coverage(0.2);
}

Test(stats, interval_covers_autocorrelated_pairs)
{
	expect_coverage(0.4);
}

/* How often the pairs of size standard give each verdict of a true ratio. */
static void judge(double ratio, double sd, double rho, unsigned tries,
		  unsigned counts[4])
{
	struct rng data, boot;
	double x[STANDARD_PAIRS];

	rng_seed(&data, 5);
	rng_seed(&boot, 6);
	for (unsigned t = 0; t < tries; t++) {
		struct figure f;

		series(x, STANDARD_PAIRS, log(ratio), sd, rho, &data);
		f = stats_ratio(x, STANDARD_PAIRS, &boot);
		counts[stats_judge(&f, 0.1, true)]++;
	}
}

Test(stats, standard_finds_a_change_of_a_tenth)
{
	unsigned worse[4] = {0}, better[4] = {0};

	judge(1.1, 0.08, 0.4, 2000, worse);
	cr_assert_geq(worse[VERDICT_WORSE], 1800, "%u", worse[VERDICT_WORSE]);
	cr_assert_eq(worse[VERDICT_BETTER], 0);
	judge(0.9, 0.08, 0.4, 2000, better);
	cr_assert_geq(better[VERDICT_BETTER], 1800, "%u",
		      better[VERDICT_BETTER]);
}

/* From quiet to so noisy that the margin never helps. */
Test(stats, nothing_against_itself_is_rarely_a_difference)
{
	static const double sds[] = {0.02, 0.08, 0.31, 1};

	for (size_t i = 0; i < sizeof(sds) / sizeof(*sds); i++) {
		unsigned counts[4] = {0};

		judge(1, sds[i], 0.4, 4000, counts);
		cr_assert_leq(counts[VERDICT_BETTER] + counts[VERDICT_WORSE],
			      200, "sd %.2f: %u and %u of 4000", sds[i],
			      counts[VERDICT_BETTER], counts[VERDICT_WORSE]);
	}
}

Test(stats, ratio_is_the_geometric_mean)
{
	const double x[] = {log(2.0), log(8.0), log(2.0), log(8.0)};
	struct figure f;
	struct rng r;

	rng_seed(&r, 1);
	f = stats_ratio(x, 4, &r);
	cr_assert_float_eq(f.value, 4.0, 1e-9);
	cr_assert(f.low < 4 && f.low > 0);
	cr_assert(f.high > 4);
	cr_assert_eq(f.count, 4);
}

Test(stats, equal_pairs_have_an_interval_of_no_width)
{
	const double x[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
	struct figure f;
	struct rng r;

	rng_seed(&r, 1);
	f = stats_interval(x, 6, &r);
	cr_assert_float_eq(f.low, 0.5, 1e-12);
	cr_assert_float_eq(f.high, 0.5, 1e-12);
}

Test(stats, interval_repeats_with_its_seed)
{
	const double x[] = {0.1, 0.3, -0.2, 0.4, 0.0, 0.2, 0.1, 0.3};
	struct figure a, b, c;
	struct rng r;

	rng_seed(&r, 42);
	a = stats_interval(x, 8, &r);
	rng_seed(&r, 42);
	b = stats_interval(x, 8, &r);
	rng_seed(&r, 43);
	c = stats_interval(x, 8, &r);
	cr_assert_float_eq(a.low, b.low, 0);
	cr_assert_float_eq(a.high, b.high, 0);
	cr_assert(a.low != c.low || a.high != c.high);
}

Test(stats, none_and_one_have_no_interval)
{
	const double x[] = {0.7};
	struct figure f;
	struct rng r;

	rng_seed(&r, 1);
	f = stats_ratio(x, 0, &r);
	cr_assert_eq(f.count, 0);
	f = stats_interval(x, 1, &r);
	cr_assert_float_eq(f.low, 0.7, 1e-12);
	cr_assert_float_eq(f.high, 0.7, 1e-12);
	cr_assert_eq(stats_judge(&f, 0.1, true), VERDICT_INCONCLUSIVE);
}

Test(stats, median_and_deviation_of_known_numbers)
{
	const double odd[] = {9, 1, 5};
	const double even[] = {4, 1, 3, 2};

	cr_assert_float_eq(stats_median(odd, 3), 5, 0);
	cr_assert_float_eq(stats_median(even, 4), 2.5, 0);
	cr_assert_float_eq(stats_median(odd, 0), 0, 0);
	cr_assert_float_eq(stats_sd(even, 4), sqrt(5.0 / 3), 1e-12);
	cr_assert_float_eq(stats_sd(even, 1), 0, 0);
}

Test(stats, blocks_grow_with_autocorrelation)
{
	double slow[60], quick[60];

	for (int i = 0; i < 60; i++) {
		slow[i] = sin(i / 8.0);
		quick[i] = i % 2 ? 1 : -1;
	}
	cr_assert_geq(stats_block(slow, 60), 6);
	cr_assert_leq(stats_block(slow, 60), 20);
	cr_assert_eq(stats_block(quick, 60), 2);
	cr_assert_eq(stats_block(quick, 4), 1);
}

Test(stats, student_is_that_of_the_tables)
{
	cr_assert_float_eq(stats_student(1), 12.706, 0.001);
	cr_assert_float_eq(stats_student(5), 2.571, 0.005);
	cr_assert_float_eq(stats_student(9), 2.262, 0.001);
	cr_assert_float_eq(stats_student(1000), 1.962, 0.001);
}

Test(stats, student_interval_of_known_numbers)
{
	const double x[] = {1, 2, 3};
	struct figure f = stats_student_interval(x, 3);

	cr_assert_float_eq(f.value, 2, 1e-12);
	cr_assert_float_eq(f.high, 2 + 4.303 / sqrt(3), 1e-3);
}

Test(stats, quotient_adds_errors_in_squares)
{
	const struct figure a = {2, 1, 4, 10}, b = {1, 1, 1, 10};
	const struct figure none = {0};
	struct figure f = stats_quotient(&a, &b);

	cr_assert_float_eq(f.value, 2, 1e-12);
	cr_assert_float_eq(f.low, 1, 1e-9);
	cr_assert_float_eq(f.high, 4, 1e-9);
	cr_assert_eq(stats_quotient(&a, &none).count, 0);
}

Test(stats, verdicts)
{
	const struct figure lower = {0.5, 0.4, 0.6, 10};
	const struct figure higher = {2, 1.5, 2.5, 10};
	const struct figure same = {1.02, 1.01, 1.03, 10};
	const struct figure vague = {1.1, 0.9, 1.3, 10};

	cr_assert_eq(stats_judge(&lower, 0.1, true), VERDICT_BETTER);
	cr_assert_eq(stats_judge(&lower, 0.1, false), VERDICT_WORSE);
	cr_assert_eq(stats_judge(&higher, 0.1, true), VERDICT_WORSE);
	cr_assert_eq(stats_judge(&same, 0.1, true), VERDICT_EQUIVALENT);
	cr_assert_eq(stats_judge(&same, 0.005, true), VERDICT_WORSE);
	cr_assert_eq(stats_judge(&vague, 0.1, true), VERDICT_INCONCLUSIVE);
	cr_assert_str_eq(stats_verdict_name(VERDICT_EQUIVALENT), "equivalent");
}

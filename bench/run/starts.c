/* SPDX-License-Identifier: MIT */
#include "bench/run/starts.h"

#include <math.h>

/*
 * How far out the means must lie, in standard deviations of a normal number:
 * chance gets there in 2.3 % when the scatter is known, and in 5 to 8 % as it
 * is estimated here.
 */
#define FAR 2.0

/* Where the pairs of the next start end. */
static size_t end_of(const struct starts *s, size_t from)
{
	size_t to = from;

	while (to < s->pairs && s->of[to] == s->of[from])
		to++;
	return to;
}

size_t starts_count(const struct starts *s)
{
	size_t count = 0;

	for (size_t from = 0; from < s->pairs; from = end_of(s, from))
		count++;
	return count;
}

static double mean_of(const struct starts *s, size_t from, size_t to)
{
	return stats_mean(s->logs + from, to - from);
}

double starts_ratio(const struct starts *s, size_t at)
{
	size_t from = 0;

	while (at-- > 0)
		from = end_of(s, from);
	return exp(mean_of(s, from, end_of(s, from)));
}

/* How pairs scatter around the means of their starts. */
struct scatter {
	double variance, autocorrelation;
};

static double autocorrelation(double squares, double lags, double each)
{
	double r = squares > 0 ? lags / squares : 0;

	/* What a series around its own mean hides of it (Kendall). */
	r = (r + 1 / each) / (1 - 3 / each);
	return fmin(fmax(r, -0.2), 0.75);
}

static struct scatter scatter_of(const struct starts *s, size_t count)
{
	double squares = 0, lags = 0, freedom = 0;
	struct scatter w;

	for (size_t from = 0, to; from < s->pairs; from = to) {
		double mean;

		to = end_of(s, from);
		mean = mean_of(s, from, to);
		for (size_t i = from; i < to; i++) {
			double d = s->logs[i] - mean;

			squares += d * d;
			if (i > from)
				lags += d * (s->logs[i - 1] - mean);
		}
	}
	w.autocorrelation = autocorrelation(squares, lags,
					    (double)s->pairs / (double)count);
	/* Neighbours are alike, so that the series varies too little. */
	for (size_t from = 0, to; from < s->pairs; from = to) {
		to = end_of(s, from);
		freedom += (double)(to - from) -
			   stats_inflation(w.autocorrelation, to - from);
	}
	w.variance = freedom > 0 ? squares / freedom : INFINITY;
	return w;
}

/* What a mean over so many pairs weighs: one over its variance. */
static double weight(const struct scatter *w, size_t pairs)
{
	return (double)pairs / w->variance /
	       stats_inflation(w->autocorrelation, pairs);
}

/* A sum of squares of so many normal numbers, divided by it (Wilson, Hilferty)
 */
static double far_out(double freedom)
{
	double a = 2 / (9 * freedom);

	return pow(1 - a + FAR * sqrt(a), 3);
}

bool starts_differ(const struct starts *s)
{
	size_t count = starts_count(s);
	double sum = 0, weights = 0, squares = 0, freedom = (double)count - 1;
	struct scatter w;

	if (count < STARTS_MIN || s->pairs < STARTS_PAIRS_MIN * count)
		return false;
	w = scatter_of(s, count);
	if (!(w.variance > 0) || isinf(w.variance))
		return false;
	for (size_t from = 0, to; from < s->pairs; from = to) {
		to = end_of(s, from);
		sum += weight(&w, to - from) * mean_of(s, from, to);
		weights += weight(&w, to - from);
	}
	for (size_t from = 0, to; from < s->pairs; from = to) {
		double d;

		to = end_of(s, from);
		d = mean_of(s, from, to) - sum / weights;
		squares += weight(&w, to - from) * d * d;
	}
	return squares / freedom > far_out(freedom);
}

/* Half the interval that the means of the starts have, each as one. */
static double half_of_means(const struct starts *s)
{
	double sum = 0, squares = 0, count = (double)starts_count(s);

	for (size_t from = 0, to; from < s->pairs; from = to) {
		to = end_of(s, from);
		sum += mean_of(s, from, to);
	}
	for (size_t from = 0, to; from < s->pairs; from = to) {
		double d;

		to = end_of(s, from);
		d = mean_of(s, from, to) - sum / count;
		squares += d * d;
	}
	return stats_student(count - 1) * sqrt(squares / (count - 1) / count);
}

struct figure starts_figure(const struct starts *s, struct rng *r)
{
	struct figure f = stats_ratio(s->logs, s->pairs, r);
	double half;

	if (!starts_differ(s))
		return f;
	half = half_of_means(s);
	f.low = fmin(f.low, f.value * exp(-half));
	f.high = fmax(f.high, f.value * exp(half));
	return f;
}

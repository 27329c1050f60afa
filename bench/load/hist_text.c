/* SPDX-License-Identifier: MIT */
/* The percentile distribution that HdrHistogram's tools print and plot. */
#include <inttypes.h>
#include <math.h>

#include "bench/load/hist.h"

#define TICKS 5.0  /* per half of what is left to 100 */
#define DECIMALS 6 /* of a value: of milliseconds down to nanoseconds */

/* To the nearest at `digits` decimals, halves up as HdrHistogram has them. */
static void put(FILE *f, int width, int digits, double value)
{
	(void)fprintf(f, "%*.*f", width, digits,
		      value > 0 ? nextafter(value, INFINITY) : 0);
}

static double median_equivalent(uint64_t highest)
{
	uint64_t lowest = hist_lowest_equivalent(highest);

	lowest += (highest - lowest + 1) / 2;
	return (double)lowest;
}

/* Of the values that stand for the equivalent ones, as HdrHistogram's. */
static void moments(const struct hist *h, double *mean, double *sd)
{
	uint64_t value, count;
	uint32_t cursor = 0;
	double sum = 0;

	*mean = 0;
	*sd = 0;
	if (h->total == 0)
		return;
	while (hist_next(h, &cursor, &value, &count))
		sum += median_equivalent(value) * (double)count;
	*mean = sum / (double)h->total;
	sum = 0;
	for (cursor = 0; hist_next(h, &cursor, &value, &count);) {
		double d = median_equivalent(value) - *mean;

		sum += d * d * (double)count;
	}
	*sd = sqrt(sum / (double)h->total);
}

static void put_line(FILE *f, double value, double level, uint64_t seen)
{
	put(f, 12, DECIMALS, value);
	(void)fputc(' ', f);
	put(f, 2, 12, level / 100);
	(void)fprintf(f, " %10" PRIu64, seen);
	if (level < 100) {
		(void)fputc(' ', f);
		put(f, 14, 2, 1 / (1 - level / 100));
	}
	(void)fputc('\n', f);
}

static void put_lines(const struct hist *h, double scale, FILE *f)
{
	uint64_t value = 0, count, seen = 0;
	uint32_t cursor = 0;
	double level = 0;

	while (hist_next(h, &cursor, &value, &count)) {
		seen += count;
		while (100 * (double)seen / (double)h->total >= level) {
			put_line(f, (double)value / scale, level, seen);
			level += 100 /
				 (TICKS *
				  exp2(floor(log2(100 / (100 - level))) + 1));
			if (seen == h->total)
				break;
		}
	}
	if (h->total > 0)
		put_line(f, (double)value / scale, 100, seen);
}

void hist_write_text(const struct hist *h, double scale, FILE *f)
{
	double mean, sd;

	(void)fputs("       Value     Percentile TotalCount "
		    "1/(1-Percentile)\n\n",
		    f);
	put_lines(h, scale, f);
	moments(h, &mean, &sd);
	(void)fputs("#[Mean    = ", f);
	put(f, 12, DECIMALS, mean / scale);
	(void)fputs(", StdDeviation   = ", f);
	put(f, 12, DECIMALS, sd / scale);
	(void)fputs("]\n#[Max     = ", f);
	put(f, 12, DECIMALS, (double)h->max / scale);
	(void)fprintf(f,
		      ", Total count    = %12" PRIu64 "]\n"
		      "#[Buckets = %12d, SubBuckets     = %12d]\n",
		      h->total, HIST_BUCKETS, 2 << HIST_HALF_BITS);
}

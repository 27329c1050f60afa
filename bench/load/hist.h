/* SPDX-License-Identifier: MIT */
/*
 * A high dynamic range histogram of durations in nanoseconds: three
 * significant decimal digits from 1 ns to about 137 s, recording in O(1),
 * exact merging. The layout and the percentiles are HdrHistogram's (lowest
 * discernible value 1, 3 digits), so that other tools agree on every value.
 *
 * Correction for coordinated omission is the caller's: it records from the
 * intended time into one histogram and from the sent time into another.
 *
 * Memory comes in chunks as values are met (2 KiB each); an empty histogram
 * owns none.
 *
 * Example:
 *	struct hist h;
 *	hist_init(&h);
 *	hist_record(&h, end - start);
 *	printf("%" PRIu64 "\n", hist_percentile(&h, 99.0));
 *	hist_release(&h);
 */
#ifndef BENCH_LOAD_HIST_H
#define BENCH_LOAD_HIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "servers/base/err.h"

struct cJSON;

#define HIST_HALF_BITS 10 /* 3 digits: 2048 sub-buckets, half of them 1024 */
#define HIST_MAX_VALUE (((uint64_t)1 << 37) - 1)
#define HIST_BUCKETS 27
#define HIST_COUNTS ((HIST_BUCKETS + 1) << HIST_HALF_BITS)
#define HIST_CHUNK_BITS 8
#define HIST_CHUNK (1u << HIST_CHUNK_BITS)
#define HIST_CHUNKS (HIST_COUNTS >> HIST_CHUNK_BITS)

struct hist {
	uint64_t *chunks[HIST_CHUNKS]; /* NULL: all zero */
	uint64_t total;
	uint64_t clamped;  /* values above HIST_MAX_VALUE, recorded as it */
	uint64_t min, max; /* exact; 0 while empty */
	double sum, square_sum; /* of the exact values */
};

/* Life cycle */
void hist_init(struct hist *h);
void hist_release(struct hist *h); /* frees; legal to use again, empty */
void hist_clear(struct hist *h);   /* zeroes, keeps the memory */

/* Operations */
void hist_record(struct hist *h, uint64_t ns);
void hist_record_n(struct hist *h, uint64_t ns, uint64_t count);
void hist_merge(struct hist *into, const struct hist *from);
void hist_copy(struct hist *into, const struct hist *from); /* into inited */

/* Queries */
/*
 * Value at `percentile` (0..100), as HdrHistogram: the highest value
 * equivalent to that of the first count at or past ceil(p/100 * total). 0
 * while empty.
 */
uint64_t hist_percentile(const struct hist *h, double percentile);
/*
 * Whether at least `beyond` values lie above the percentile: a report prints a
 * percentile only with 20 messages beyond it.
 */
bool hist_supports(const struct hist *h, double percentile, uint64_t beyond);
double hist_mean(const struct hist *h); /* of exact values; 0 while empty */
double hist_stddev(const struct hist *h);
uint64_t hist_count_at(const struct hist *h, uint64_t ns); /* equivalents */
uint64_t hist_highest_equivalent(uint64_t ns);
uint64_t hist_lowest_equivalent(uint64_t ns);
/*
 * Walks the values that occur, ascending: start with *cursor = 0. False at
 * the end. `value` is the highest equivalent one.
 */
bool hist_next(const struct hist *h, uint32_t *cursor, uint64_t *value,
	       uint64_t *count);

/*
 * As HdrHistogram's outputPercentileDistribution() with five ticks per half
 * distance, which other tools plot: values are divided by `scale` (1e6 gives
 * milliseconds) and have six decimals instead of three, so that those of some
 * microseconds keep their digits. Whether all could be written is for the
 * caller to ask.
 */
void hist_write_text(const struct hist *h, double scale, FILE *f);

/* JSON: {"total","clamped","min","max","mean","sd","counts":[index,count,…]}
 * with HdrHistogram's counts index; returns owned. */
struct cJSON *hist_to_json(const struct hist *h);
/* Into an initialised histogram, which is emptied first. ERR_PROTO. */
MUST_USE enum err hist_from_json(struct hist *h, const struct cJSON *json);

#endif

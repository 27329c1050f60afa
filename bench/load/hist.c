/* SPDX-License-Identifier: MIT */
#include "bench/load/hist.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define SUB_BUCKETS (2u << HIST_HALF_BITS)
#define HALF (1u << HIST_HALF_BITS)
#define EXACT_DOUBLE 9007199254740992.0 /* 2^53 */

/* The layout: values below 2048 are exact, each doubling has 1024 steps. */

/* How many low bits of `ns` its step ignores. */
static unsigned shift_of(uint64_t ns)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(ns | (SUB_BUCKETS - 1));

	return top - HIST_HALF_BITS;
}

static uint32_t index_of(uint64_t ns)
{
	unsigned shift = shift_of(ns);

	return (shift << HIST_HALF_BITS) + (uint32_t)(ns >> shift);
}

static uint64_t lowest_at(uint32_t index)
{
	unsigned shift = index >> HIST_HALF_BITS;

	if (shift == 0)
		return index;
	shift--;
	return (uint64_t)((index & (HALF - 1)) + HALF) << shift;
}

static uint64_t highest_at(uint32_t index)
{
	unsigned shift = index >> HIST_HALF_BITS;

	return lowest_at(index) + ((uint64_t)1 << (shift ? shift - 1 : 0)) - 1;
}

static uint64_t count_at(const struct hist *h, uint32_t index)
{
	const uint64_t *chunk = h->chunks[index >> HIST_CHUNK_BITS];

	return chunk ? chunk[index & (HIST_CHUNK - 1)] : 0;
}

static void count_add(struct hist *h, uint32_t index, uint64_t count)
{
	uint64_t **chunk = &h->chunks[index >> HIST_CHUNK_BITS];

	if (!*chunk)
		*chunk = xcalloc(HIST_CHUNK, sizeof(**chunk));
	(*chunk)[index & (HIST_CHUNK - 1)] += count;
	h->total += count;
}

/* Life cycle */

void hist_init(struct hist *h)
{
	*h = (struct hist){0};
}

void hist_release(struct hist *h)
{
	for (size_t i = 0; i < HIST_CHUNKS; i++)
		free(h->chunks[i]);
	hist_init(h);
}

void hist_clear(struct hist *h)
{
	for (size_t i = 0; i < HIST_CHUNKS; i++) {
		if (h->chunks[i])
			memset(h->chunks[i], 0,
			       HIST_CHUNK * sizeof(*h->chunks[i]));
	}
	h->total = 0;
	h->clamped = 0;
	h->min = 0;
	h->max = 0;
	h->sum = 0;
	h->square_sum = 0;
}

/* Operations */

void hist_record(struct hist *h, uint64_t ns)
{
	hist_record_n(h, ns, 1);
}

void hist_record_n(struct hist *h, uint64_t ns, uint64_t count)
{
	double value;

	if (count == 0)
		return;
	if (ns > HIST_MAX_VALUE) {
		ns = HIST_MAX_VALUE;
		h->clamped += count;
	}
	if (h->total == 0 || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	value = (double)ns;
	h->sum += value * (double)count;
	h->square_sum += value * value * (double)count;
	count_add(h, index_of(ns), count);
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (from->total == 0)
		return;
	if (into->total == 0 || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	for (uint32_t i = 0; i < HIST_COUNTS; i++) {
		if (!from->chunks[i >> HIST_CHUNK_BITS]) {
			i |= HIST_CHUNK - 1;
			continue;
		}
		if (count_at(from, i) != 0)
			count_add(into, i, count_at(from, i));
	}
	into->clamped += from->clamped;
	into->sum += from->sum;
	into->square_sum += from->square_sum;
}

void hist_copy(struct hist *into, const struct hist *from)
{
	hist_clear(into);
	hist_merge(into, from);
}

/* Queries */

/*
 * The rank is rounded up, but not by the one unit in the last place by which
 * the product may exceed the integer that it should be.
 */
static uint64_t rank_of(const struct hist *h, double percentile)
{
	double p = percentile < 0 ? 0 : percentile > 100 ? 100 : percentile;
	double exact = p / 100.0 * (double)h->total;
	double ulp = nextafter(exact, INFINITY) - exact;
	double rank = ceil(exact - ulp);

	return rank < 1 ? 1 : (uint64_t)rank;
}

uint64_t hist_percentile(const struct hist *h, double percentile)
{
	uint64_t rank, seen = 0, value, count;
	uint32_t cursor = 0;

	if (h->total == 0)
		return 0;
	rank = rank_of(h, percentile);
	while (hist_next(h, &cursor, &value, &count)) {
		seen += count;
		if (seen >= rank)
			return percentile <= 0 ? hist_lowest_equivalent(value)
					       : value;
	}
	return hist_highest_equivalent(h->max);
}

bool hist_supports(const struct hist *h, double percentile, uint64_t beyond)
{
	return h->total > 0 && h->total - rank_of(h, percentile) >= beyond;
}

double hist_mean(const struct hist *h)
{
	return h->total ? h->sum / (double)h->total : 0;
}

double hist_stddev(const struct hist *h)
{
	double mean = hist_mean(h), variance;

	if (h->total == 0)
		return 0;
	variance = h->square_sum / (double)h->total - mean * mean;
	return variance > 0 ? sqrt(variance) : 0;
}

uint64_t hist_count_at(const struct hist *h, uint64_t ns)
{
	return ns > HIST_MAX_VALUE ? 0 : count_at(h, index_of(ns));
}

uint64_t hist_highest_equivalent(uint64_t ns)
{
	return ns > HIST_MAX_VALUE ? HIST_MAX_VALUE : highest_at(index_of(ns));
}

uint64_t hist_lowest_equivalent(uint64_t ns)
{
	return lowest_at(index_of(ns > HIST_MAX_VALUE ? HIST_MAX_VALUE : ns));
}

bool hist_next(const struct hist *h, uint32_t *cursor, uint64_t *value,
	       uint64_t *count)
{
	while (*cursor < HIST_COUNTS) {
		uint32_t i = (*cursor)++;

		if (!h->chunks[i >> HIST_CHUNK_BITS]) {
			*cursor = (i | (HIST_CHUNK - 1)) + 1;
			continue;
		}
		*count = count_at(h, i);
		if (*count == 0)
			continue;
		*value = highest_at(i);
		return true;
	}
	return false;
}

/* JSON */

struct cJSON *hist_to_json(const struct hist *h)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *counts;
	uint64_t value, count;
	uint32_t cursor = 0;

	cJSON_AddNumberToObject(json, "total", (double)h->total);
	cJSON_AddNumberToObject(json, "clamped", (double)h->clamped);
	cJSON_AddNumberToObject(json, "min", (double)h->min);
	cJSON_AddNumberToObject(json, "max", (double)h->max);
	cJSON_AddNumberToObject(json, "mean", hist_mean(h));
	cJSON_AddNumberToObject(json, "sd", hist_stddev(h));
	counts = cJSON_AddArrayToObject(json, "counts");
	while (hist_next(h, &cursor, &value, &count)) {
		cJSON_AddItemToArray(counts, cJSON_CreateNumber(cursor - 1));
		cJSON_AddItemToArray(counts, cJSON_CreateNumber((double)count));
	}
	return json;
}

static bool get_number(const cJSON *json, const char *name, double max,
		       double *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
	    item->valuedouble > max)
		return false;
	*out = item->valuedouble;
	return true;
}

static enum err read_counts(struct hist *h, const cJSON *counts)
{
	const cJSON *index, *count;

	if (!cJSON_IsArray(counts))
		return ERR_PROTO;
	for (index = counts->child; index; index = count->next) {
		count = index->next;
		if (!count || !cJSON_IsNumber(index) || !cJSON_IsNumber(count))
			return ERR_PROTO;
		if (!(index->valuedouble >= 0) ||
		    index->valuedouble >= HIST_COUNTS ||
		    !(count->valuedouble >= 1) ||
		    count->valuedouble > EXACT_DOUBLE)
			return ERR_PROTO;
		count_add(h, (uint32_t)index->valuedouble,
			  (uint64_t)count->valuedouble);
	}
	return ERR_OK;
}

enum err hist_from_json(struct hist *h, const struct cJSON *json)
{
	double total, clamped, min, max, mean, sd;

	hist_clear(h);
	if (!get_number(json, "total", EXACT_DOUBLE, &total) ||
	    !get_number(json, "clamped", EXACT_DOUBLE, &clamped) ||
	    !get_number(json, "min", (double)HIST_MAX_VALUE, &min) ||
	    !get_number(json, "max", (double)HIST_MAX_VALUE, &max) ||
	    !get_number(json, "mean", (double)HIST_MAX_VALUE, &mean) ||
	    !get_number(json, "sd", (double)HIST_MAX_VALUE, &sd))
		return ERR_PROTO;
	if (read_counts(h, cJSON_GetObjectItemCaseSensitive(json, "counts")) !=
		    ERR_OK ||
	    h->total != (uint64_t)total) {
		hist_clear(h);
		return ERR_PROTO;
	}
	h->clamped = (uint64_t)clamped;
	h->min = (uint64_t)min;
	h->max = (uint64_t)max;
	h->sum = mean * total;
	h->square_sum = (sd * sd + mean * mean) * total;
	return ERR_OK;
}

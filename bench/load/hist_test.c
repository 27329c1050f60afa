/* SPDX-License-Identifier: MIT */
#include "bench/load/hist.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "servers/base/random.h"

static struct hist h;

static void set_up(void)
{
	hist_init(&h);
}

static void tear_down(void)
{
	hist_release(&h);
}

TestSuite(hist, .init = set_up, .fini = tear_down);

Test(hist, empty)
{
	cr_assert_eq(hist_percentile(&h, 50), 0);
	cr_assert_eq(hist_mean(&h), 0);
	cr_assert_not(hist_supports(&h, 50, 0));
}

/* The values that HdrHistogram's documentation and its layout give. */
Test(hist, equivalent_values_as_hdr_histogram)
{
	static const uint64_t cases[][3] = {
		/* value, lowest, highest equivalent */
		{0, 0, 0},
		{1, 1, 1},
		{2047, 2047, 2047},
		{2048, 2048, 2049},
		{2049, 2048, 2049},
		{4095, 4094, 4095},
		{4096, 4096, 4099},
		{8191, 8188, 8191},
		{8192, 8192, 8199},
		{10000, 10000, 10007},
		{10009, 10008, 10015},
		{1000000, 999936, 1000447},
		{UINT64_C(100000000000), UINT64_C(99992207360),
		 UINT64_C(100059316223)},
		{HIST_MAX_VALUE, UINT64_C(137371844608), HIST_MAX_VALUE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(hist_lowest_equivalent(cases[i][0]), cases[i][1],
			     "%zu", i);
		cr_assert_eq(hist_highest_equivalent(cases[i][0]), cases[i][2],
			     "%zu", i);
	}
}

Test(hist, every_index_is_a_step_of_its_own)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < HIST_COUNTS; i++) {
		cr_assert_eq(hist_lowest_equivalent(value), value);
		cr_assert_geq(hist_highest_equivalent(value), value);
		/* Three significant digits. */
		cr_assert_leq((double)(hist_highest_equivalent(value) - value),
			      (double)value / 1000);
		value = hist_highest_equivalent(value) + 1;
	}
	cr_assert_eq(value, HIST_MAX_VALUE + 1);
}

Test(hist, percentiles_of_one_to_ten)
{
	for (uint64_t v = 1; v <= 10; v++)
		hist_record(&h, v);
	cr_assert_eq(hist_percentile(&h, 0), 1);
	cr_assert_eq(hist_percentile(&h, 10), 1);
	cr_assert_eq(hist_percentile(&h, 10.1), 2);
	cr_assert_eq(hist_percentile(&h, 50), 5);
	cr_assert_eq(hist_percentile(&h, 90), 9);
	cr_assert_eq(hist_percentile(&h, 99), 10);
	cr_assert_eq(hist_percentile(&h, 100), 10);
	cr_assert_eq(hist_percentile(&h, 1000), 10);
	cr_assert_float_eq(hist_mean(&h), 5.5, 1e-9);
	cr_assert_float_eq(hist_stddev(&h), 2.8722813232690143, 1e-9);
	cr_assert_eq(h.min, 1);
	cr_assert_eq(h.max, 10);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The rank by integers, where the percentile is a whole number per 10,000. */
Test(hist, percentiles_against_sorted_values)
{
	enum { COUNT = 30011 };
	uint64_t *values = malloc(COUNT * sizeof(*values));
	struct rng rng;

	cr_assert_not_null(values);
	rng_seed(&rng, 42);
	for (size_t i = 0; i < COUNT; i++) {
		values[i] = (uint64_t)rng_exponential(&rng, 3e6);
		hist_record(&h, values[i]);
	}
	qsort(values, COUNT, sizeof(*values), compare);
	for (uint64_t p = 1; p <= 10000; p++) {
		uint64_t rank = (p * COUNT + 9999) / 10000;

		cr_assert_eq(hist_percentile(&h, (double)p / 100),
			     hist_highest_equivalent(values[rank - 1]), "p %f",
			     (double)p / 100);
	}
	free(values);
}

Test(hist, a_percentile_that_is_a_whole_rank_is_not_rounded_up)
{
	/* 99.9 / 100 * 1000 is a little over 999 in binary. */
	for (uint64_t v = 1; v <= 1000; v++)
		hist_record(&h, v);
	cr_assert_eq(hist_percentile(&h, 99.9), 999);
	cr_assert_eq(hist_percentile(&h, 99.91), 1000);
	cr_assert_eq(hist_percentile(&h, 7), 70);
	cr_assert_eq(hist_percentile(&h, 55), 550);
}

Test(hist, supports_a_percentile_with_enough_beyond)
{
	hist_record_n(&h, 5, 2000);
	cr_assert(hist_supports(&h, 99, 20));
	cr_assert_not(hist_supports(&h, 99.1, 20));
	cr_assert(hist_supports(&h, 50, 1000));
	cr_assert_not(hist_supports(&h, 50, 1001));
}

Test(hist, counts_what_is_too_large)
{
	hist_record(&h, HIST_MAX_VALUE);
	hist_record(&h, HIST_MAX_VALUE + 1);
	hist_record(&h, UINT64_MAX);
	cr_assert_eq(h.clamped, 2);
	cr_assert_eq(h.total, 3);
	cr_assert_eq(hist_percentile(&h, 100), HIST_MAX_VALUE);
}

static void assert_same(const struct hist *a, const struct hist *b)
{
	uint32_t at_a = 0, at_b = 0;
	uint64_t value[2], count[2];
	bool more;

	cr_assert_eq(a->total, b->total);
	cr_assert_eq(a->clamped, b->clamped);
	cr_assert_eq(a->min, b->min);
	cr_assert_eq(a->max, b->max);
	cr_assert_float_eq(hist_mean(a), hist_mean(b), 1e-3);
	cr_assert_float_eq(hist_stddev(a), hist_stddev(b), 1);
	do {
		more = hist_next(a, &at_a, &value[0], &count[0]);
		cr_assert_eq(hist_next(b, &at_b, &value[1], &count[1]), more);
		cr_assert(!more ||
			  (value[0] == value[1] && count[0] == count[1]));
	} while (more);
}

Test(hist, merging_is_recording_both)
{
	struct hist a, both, json;
	struct rng rng;
	cJSON *tree;

	hist_init(&a);
	hist_init(&both);
	hist_init(&json);
	rng_seed(&rng, 7);
	for (int i = 0; i < 10000; i++) {
		uint64_t v = rng_next(&rng) >> (27 + i % 37);

		hist_record(i % 3 ? &a : &h, v);
		hist_record(&both, v);
	}
	hist_merge(&h, &a);
	assert_same(&h, &both);
	hist_copy(&a, &both);
	assert_same(&a, &both);

	tree = hist_to_json(&both);
	cr_assert_eq(hist_from_json(&json, tree), ERR_OK);
	assert_same(&json, &both);
	cJSON_Delete(tree);
	hist_clear(&json);
	cr_assert_eq(json.total, 0);
	cr_assert_eq(hist_percentile(&json, 99), 0);
	hist_release(&a);
	hist_release(&both);
	hist_release(&json);
}

#define HEAD "{\"clamped\":0,\"min\":1,\"max\":9,\"mean\":1,\"sd\":0,\"total\":"

Test(hist, refuses_json_that_is_no_histogram)
{
	static const char *const bad[] = {
		"null",
		"[]",
		"{}",
		HEAD "2,\"counts\":[1,1]}",
		HEAD "1,\"counts\":[1]}",
		HEAD "1,\"counts\":[28672,1]}",
		HEAD "1,\"counts\":[-1,1]}",
		HEAD "1,\"counts\":[1,-1]}",
		HEAD "1,\"counts\":[1,\"1\"]}",
		HEAD "1,\"counts\":{}}",
		HEAD "-1,\"counts\":[]}",
		HEAD "\"1\",\"counts\":[1,1]}",
	};
	cJSON *json = cJSON_Parse(HEAD "1,\"counts\":[1,1]}");

	cr_assert_eq(hist_from_json(&h, json), ERR_OK);
	cJSON_Delete(json);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json = cJSON_Parse(bad[i]);
		cr_assert_not_null(json);
		cr_assert_eq(hist_from_json(&h, json), ERR_PROTO, "%zu", i);
		cr_assert_eq(h.total, 0, "%zu", i);
		cJSON_Delete(json);
	}
}

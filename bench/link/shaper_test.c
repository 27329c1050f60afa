/* SPDX-License-Identifier: MIT */
#include "bench/link/shaper.h"

#include <criterion/criterion.h>

#define MS 1000000U
#define SAMPLES 20000

Test(shaper, delays_and_nothing_else)
{
	struct shaper s;

	shaper_init(&s, 50 * MS, 0, 0, 1);
	cr_assert_eq(shaper_due(&s, 7, 1000000), 7 + 50 * MS);
	cr_assert_eq(shaper_due(&s, 8, 1), 8 + 50 * MS);
	cr_assert_eq(shaper_backlog(&s, 8), 0);
}

Test(shaper, rate_makes_bytes_queue_up_and_drain)
{
	struct shaper s;

	/* 1 Mbit/s: a byte takes 8 us. */
	shaper_init(&s, 10 * MS, 0, 1000000, 1);
	cr_assert_eq(shaper_due(&s, 0, 1250), 10 * MS + 10 * MS);
	cr_assert_eq(shaper_due(&s, 0, 1250), 20 * MS + 10 * MS);
	cr_assert_eq(shaper_backlog(&s, 0), 2500);
	cr_assert_eq(shaper_backlog(&s, 15 * MS), 625);
	cr_assert_eq(shaper_drained(&s, 1250), 10 * MS);
	cr_assert_eq(shaper_drained(&s, 5000), 0);
	/* An idle line owes nothing. */
	cr_assert_eq(shaper_due(&s, 100 * MS, 125), 111 * MS);
}

Test(shaper, rate_holds_over_time_on_simulated_time)
{
	struct shaper s;
	uint64_t due = 0;

	shaper_init(&s, 0, 0, 1000000, 1);
	for (int i = 0; i < 1000; i++)
		due = shaper_due(&s, (uint64_t)i, 1448);
	/* 1,448,000 bytes are 11.584 seconds. */
	cr_assert_eq(due, 11584 * (uint64_t)MS);
}

Test(shaper, jitter_is_uniform_around_the_delay)
{
	unsigned quarters[4] = {0};
	struct shaper s;
	double sum = 0;

	shaper_init(&s, 50 * MS, 10 * MS, 0, 42);
	for (uint64_t i = 0; i < SAMPLES; i++) {
		uint64_t now = i * 100 * MS;
		uint64_t delay = shaper_due(&s, now, 100) - now;

		cr_assert(delay >= 40 * MS && delay <= 60 * MS);
		sum += (double)delay;
		quarters[delay == 60 * MS ? 3 : (delay - 40 * MS) / (5 * MS)]++;
	}
	/* The mean's standard error is 0.041 ms, a quarter's count's 61. */
	cr_assert_float_eq(sum / SAMPLES, 50 * MS, 0.2 * MS);
	for (int q = 0; q < 4; q++)
		cr_assert(quarters[q] > 4700 && quarters[q] < 5300, "%u",
			  quarters[q]);
}

Test(shaper, same_seed_same_jitter)
{
	struct shaper a, b, c;
	int differ = 0;

	shaper_init(&a, 50 * MS, 10 * MS, 0, 1);
	shaper_init(&b, 50 * MS, 10 * MS, 0, 1);
	shaper_init(&c, 50 * MS, 10 * MS, 0, 2);
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t due = shaper_due(&a, i, 1);

		cr_assert_eq(due, shaper_due(&b, i, 1));
		differ += due != shaper_due(&c, i, 1);
	}
	cr_assert_gt(differ, 90);
}

Test(shaper, jitter_never_exceeds_the_delay)
{
	struct shaper s;

	shaper_init(&s, MS, 10 * MS, 0, 1);
	for (uint64_t i = 0; i < 1000; i++)
		cr_assert_geq(shaper_due(&s, i * MS, 1), i * MS);
}

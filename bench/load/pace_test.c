/* SPDX-License-Identifier: MIT */
#include "bench/load/pace.h"

#include <criterion/criterion.h>
#include <math.h>

#include "servers/base/clock.h"

#define SECOND UINT64_C(1000000000)
#define START UINT64_C(5000000000)

Test(pace, the_first_is_due_at_the_start)
{
	struct pace_options o = {.rate = 1000};
	struct pace p;
	uint64_t intended;

	pace_init(&p, &o, START);
	cr_assert_eq(pace_next(&p), START);
	cr_assert_not(pace_take(&p, START - 1, &intended));
	cr_assert(pace_take(&p, START, &intended));
	cr_assert_eq(intended, START);
	cr_assert_not(pace_take(&p, START, &intended));
	cr_assert_eq(pace_next(&p), START + SECOND / 1000);
}

/* A third of a nanosecond would be lost each time, were gaps added up. */
Test(pace, does_not_drift)
{
	struct pace_options o = {.rate = 300000};
	struct pace p;
	uint64_t intended = 0;

	pace_init(&p, &o, START);
	for (int i = 0; i <= 3000000; i++)
		cr_assert(pace_take(&p, START + 11 * SECOND, &intended));
	cr_assert_eq(intended, START + 10 * SECOND);
}

Test(pace, a_late_caller_gets_all_that_it_owes)
{
	struct pace_options o = {.rate = 100};
	struct clock clock;
	struct pace p;
	uint64_t intended;
	int taken = 0;

	clock_fake_init(&clock, START);
	pace_init(&p, &o, clock_ns(&clock));
	clock_fake_advance_ms(&clock, 95);
	while (pace_take(&p, clock_ns(&clock), &intended)) {
		cr_assert_eq(intended, START + (uint64_t)taken * SECOND / 100);
		taken++;
	}
	cr_assert_eq(taken, 10);
	/* And then none before it is due. */
	clock_fake_advance_ms(&clock, 4);
	cr_assert_not(pace_take(&p, clock_ns(&clock), &intended));
	clock_fake_advance_ms(&clock, 1);
	cr_assert(pace_take(&p, clock_ns(&clock), &intended));
}

Test(pace, bursts_are_due_together)
{
	struct pace_options o = {.rate = 1000, .burst = 10};
	struct pace p;
	uint64_t intended;

	pace_init(&p, &o, START);
	for (uint64_t i = 0; i < 100; i++) {
		cr_assert(pace_take(&p, START + SECOND, &intended));
		cr_assert_eq(intended, START + i / 10 * (SECOND / 100));
	}
}

static uint64_t take(struct pace *p)
{
	uint64_t intended = 0;

	cr_assert(pace_take(p, UINT64_MAX, &intended));
	return intended;
}

Test(pace, poisson_gaps_are_exponential_and_repeat)
{
	enum { COUNT = 100000 };
	struct pace_options o = {.rate = 1000, .poisson = true, .seed = 3};
	struct pace p, again;
	uint64_t before, now;
	double sum = 0, squares = 0;

	pace_init(&p, &o, START);
	pace_init(&again, &o, START);
	before = take(&p);
	cr_assert_eq(take(&again), before);
	cr_assert_eq(before, START);
	for (int i = 0; i < COUNT; i++) {
		double gap;

		now = take(&p);
		cr_assert_eq(take(&again), now);
		gap = (double)(now - before);
		sum += gap;
		squares += gap * gap;
		before = now;
	}
	/* Mean and standard deviation are both one over the rate. */
	cr_assert_float_eq(sum / COUNT, 1e6, 2e4);
	cr_assert_float_eq(sqrt(squares / COUNT - sum / COUNT * (sum / COUNT)),
			   1e6, 3e4);
}

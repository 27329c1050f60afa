/* SPDX-License-Identifier: MIT */
#include "bench/link/alarm.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"
#include "servers/base/random.h"

#define COUNT 500

struct bell {
	struct alarm alarm;
	uint64_t rang; /* its place among those that rang, from 1 */
};

static uint64_t rung;

static void ring(struct alarm *a)
{
	container_of(a, struct bell, alarm)->rang = ++rung;
}

Test(alarm, fires_in_the_order_of_deadlines_then_of_setting)
{
	static struct bell bells[COUNT];
	struct alarms *s;
	struct rng rng;

	cr_assert_eq(alarms_new(NULL, &s), ERR_OK);
	rng_seed(&rng, 1);
	rung = 0;
	for (size_t i = 0; i < COUNT; i++) {
		alarm_init(&bells[i].alarm, s, ring);
		alarm_set(&bells[i].alarm, rng_below(&rng, COUNT / 4));
	}
	/* Some are set again, and some not at all. */
	for (size_t i = 0; i < COUNT; i += 3)
		alarm_set(&bells[i].alarm, rng_below(&rng, COUNT / 4));
	for (size_t i = 0; i < COUNT; i += 5)
		alarm_cancel(&bells[i].alarm);
	for (uint64_t now = 0; now < COUNT; now++) {
		alarms_run(s, now);
		cr_assert_gt(alarms_next(s), now);
	}
	cr_assert_eq(rung, COUNT - COUNT / 5);
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < COUNT; k++) {
			const struct alarm *a = &bells[i].alarm;
			const struct alarm *b = &bells[k].alarm;

			if (!bells[i].rang || !bells[k].rang ||
			    a->due_ns > b->due_ns ||
			    (a->due_ns == b->due_ns && a->order >= b->order))
				continue;
			cr_assert_lt(bells[i].rang, bells[k].rang);
		}
	}
	cr_assert_eq(bells[0].rang, 0);
	cr_assert_eq(alarms_next(s), ALARM_NEVER);
	alarms_free(s);
}

static void ring_again(struct alarm *a)
{
	ring(a);
	alarm_set(a, 0);
}

Test(alarm, one_that_is_always_due_does_not_hold_the_rest_up)
{
	struct bell bell = {0};
	struct alarms *s;

	cr_assert_eq(alarms_new(NULL, &s), ERR_OK);
	alarm_init(&bell.alarm, s, ring_again);
	alarm_set(&bell.alarm, 0);
	rung = 0;
	alarms_run(s, 1);
	alarms_run(s, 1);
	cr_assert_eq(rung, 2);
	alarms_free(s);
}

static struct loop *looping;
static uint64_t fired_ns;

static void stop(struct alarm *a)
{
	(void)a;
	fired_ns = clock_ns(&clock_monotonic);
	loop_stop(looping);
}

Test(alarm, wakes_the_loop_and_never_early)
{
	struct alarms *s;
	struct alarm a;

	cr_assert_eq(loop_new(&clock_monotonic, &looping), ERR_OK);
	cr_assert_eq(alarms_new(looping, &s), ERR_OK);
	alarm_init(&a, s, stop);
	for (int i = 0; i < 20; i++) {
		uint64_t due_ns = clock_ns(&clock_monotonic) + 300000;

		alarm_set(&a, due_ns);
		loop_wake_within(looping, 0);
		cr_assert_eq(loop_run(looping), ERR_OK);
		cr_assert_geq(fired_ns, due_ns);
	}
	alarms_free(s);
	loop_free(looping);
}

/* SPDX-License-Identifier: MIT */
/* What methods say of themselves; bench.test.mjs and suite_test.c run them. */
#include "bench/run/method.h"

#include <criterion/criterion.h>

static struct scenario scenario;
static double values[PARAM_COUNT];

static void set_up(void)
{
	static const double defaults[] = {
#define PARAM_VALUE(upper, lower, number, value, min, max) value,
		PARAM_LIST(PARAM_VALUE)
#undef PARAM_VALUE
	};

	for (int i = 0; i < PARAM_COUNT; i++)
		values[i] = defaults[i];
}

TestSuite(method, .init = set_up);

static double planned(enum scenario_method m)
{
	scenario.method = m;
	return method_of(&scenario)->planned(values);
}

/* How much longer `m` takes when `p` is `value` instead. */
static double longer(enum scenario_method m, enum param p, double value)
{
	double before = planned(m), was = values[p], after;

	values[p] = value;
	after = planned(m);
	values[p] = was;
	return after - before;
}

Test(method, every_name_has_one_that_takes_its_time)
{
	for (int m = 0; m < METHODS; m++) {
		const struct method *method;
		double once = planned((enum scenario_method)m);

		method = method_of(&scenario);
		cr_assert_not_null(method->start, "%d", m);
		cr_assert_not_null(method->run, "%d", m);
		cr_assert_gt(once, 0, "%d", m);
		cr_assert_gt(longer((enum scenario_method)m, PARAM_STARTS, 2),
			     0, "%d", m);
	}
}

Test(method, starts_multiply_what_is_done_in_each)
{
	static const enum scenario_method all[] = {
		METHOD_MEMORY, METHOD_NETWORK,	METHOD_RECONNECT,
		METHOD_ZOMBIE, METHOD_CAPACITY, METHOD_LARGE,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_assert_float_eq(longer(all[i], PARAM_STARTS, 5),
				   4 * planned(all[i]), 1e-9, "%d", all[i]);
}

Test(method, plans_know_what_they_wait_for)
{
	values[PARAM_SLICE_MS] = 1000;
	/* A slice of the target and one of the baseline for each pair. */
	cr_assert_float_eq(longer(METHOD_PAIRS, PARAM_SLICE_MS, 2000),
			   2 * values[PARAM_PAIRS], 1e-9);
	cr_assert_float_eq(longer(METHOD_NETWORK, PARAM_SLICE_MS, 3000), 2,
			   1e-9);
	cr_assert_float_eq(longer(METHOD_RECONNECT, PARAM_SLICE_MS, 3000), 2,
			   1e-9);
	cr_assert_float_eq(longer(METHOD_LARGE, PARAM_SLICE_MS, 3000), 2, 1e-9);
	cr_assert_float_eq(longer(METHOD_ZOMBIE, PARAM_DRAIN_MS, 6000), 1,
			   1e-9);
	cr_assert_float_eq(longer(METHOD_ZOMBIE, PARAM_SETTLE_MS, 1200), 1,
			   1e-9);
	cr_assert_gt(longer(METHOD_CONNECT, PARAM_SUBSCRIBERS, 2000), 0);
	cr_assert_gt(longer(METHOD_CAPACITY, PARAM_MOST, 18000), 0);
}

Test(method, who_can_take_part)
{
	const struct target ws = {.dialect = (char[]){"ws"}};
	const struct target sse = {.dialect = (char[]){"sse"}};
	const struct target bare = {.dialect = (char[]){"bare"}};
	const struct target poll = {.dialect = (char[]){"longpoll"}};
	const struct target plain = {.dialect = (char[]){"longpoll-plain"}};

	cr_assert(method_client.possible(&ws) && method_client.possible(&sse));
	cr_assert_not(method_client.possible(&bare));
	cr_assert_not(method_client.possible(&poll));
	cr_assert(method_reconnect.possible(&ws));
	cr_assert(method_reconnect.possible(&sse));
	cr_assert(method_reconnect.possible(&poll));
	cr_assert_not(method_reconnect.possible(&bare));
	cr_assert_not(method_reconnect.possible(&plain));
	cr_assert(method_large.possible(&ws) && method_large.possible(&plain));
	cr_assert_not(method_large.possible(&bare));
}

Test(method, what_slices_are_compared_with)
{
	cr_assert_eq(method_pairs.against, AGAINST_BASELINE);
	cr_assert_eq(method_connect.against, AGAINST_BASELINE);
	cr_assert_eq(method_client.against, AGAINST_ITSELF);
	cr_assert_eq(method_client.primary, METRIC_WORKER_CPU);
	cr_assert_eq(method_network.against, AGAINST_NOTHING);
	cr_assert_eq(method_reconnect.against, AGAINST_NOTHING);
	cr_assert_eq(method_zombie.against, AGAINST_NOTHING);
	cr_assert_eq(method_capacity.against, AGAINST_NOTHING);
	cr_assert_eq(method_large.against, AGAINST_NOTHING);
}

/* SPDX-License-Identifier: MIT */
#include "bench/run/observations.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>

static struct observations o;

static void tear_down(void)
{
	observations_release(&o);
}

TestSuite(observations, .fini = tear_down);

Test(observations, values_of_a_name_gather_in_the_order_of_the_names)
{
	observe(&o, "p50", UNIT_NS, 10);
	observe(&o, "delivered", UNIT_SHARE, 1);
	observe(&o, "p50", UNIT_NS, 14);
	cr_assert_eq(o.count, 2);
	cr_assert_str_eq(o.items[0].name, "p50");
	cr_assert_str_eq(o.items[1].name, "delivered");
	cr_assert_eq(o.items[0].count, 2);
	cr_assert_float_eq(o.items[0].values[1], 14, 0);
	cr_assert_eq(observations_find(&o, "p50"), &o.items[0]);
	cr_assert_null(observations_find(&o, "p5"));
}

Test(observations, figure_is_mean_and_students_interval)
{
	struct figure f;

	for (int i = 0; i < 3; i++)
		observe(&o, "clients", UNIT_COUNT, 90 + 10 * i);
	f = observation_figure(observations_find(&o, "clients"));
	cr_assert_eq(f.count, 3);
	cr_assert_float_eq(f.value, 100, 1e-9);
	/* 4.303 * 10 / sqrt(3) */
	cr_assert_float_eq(f.low, 100 - 24.84, 0.01);
	cr_assert_float_eq(f.high, 100 + 24.84, 0.01);
}

Test(observations, nothing_seen_keeps_its_place_and_has_no_value)
{
	cJSON *json;

	observe(&o, "all found after", UNIT_NS, (double)NAN);
	observe(&o, "told gaps", UNIT_COUNT, 0);
	json = observations_to_json(&o);
	cr_assert_eq(cJSON_GetArraySize(json), 2);
	cr_assert_str_eq(cJSON_GetObjectItem(json->child, "name")->valuestring,
			 "all found after");
	cr_assert_str_eq(cJSON_GetObjectItem(json->child, "unit")->valuestring,
			 "ns");
	cr_assert_null(cJSON_GetObjectItem(json->child, "value"));
	cr_assert_null(cJSON_GetObjectItem(json->child, "count"));
	/* Zero is a value. */
	cr_assert_float_eq(
		cJSON_GetObjectItem(json->child->next, "value")->valuedouble, 0,
		0);
	cJSON_Delete(json);
	/* What comes later is that name's. */
	observe(&o, "all found after", UNIT_NS, 5);
	cr_assert_eq(o.count, 2);
	cr_assert_eq(o.items[0].count, 1);
}

Test(observations, every_unit_has_a_name)
{
	static const struct {
		enum unit unit;
		const char *name;
	} units[] = {
		{UNIT_COUNT, "count"}, {UNIT_NS, "ns"},
		{UNIT_BYTES, "bytes"}, {UNIT_PER_SECOND, "1/s"},
		{UNIT_SHARE, "share"}, {UNIT_RATIO, "ratio"},
		{UNIT_MBIT, "Mbit/s"},
	};
	const cJSON *item;
	cJSON *json;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		observe(&o, units[i].name, units[i].unit, 1);
	json = observations_to_json(&o);
	cJSON_ArrayForEach(item, json)
	{
		cr_assert_str_eq(
			cJSON_GetObjectItem(item, "unit")->valuestring,
			cJSON_GetObjectItem(item, "name")->valuestring);
	}
	cJSON_Delete(json);
}

Test(observations, released_it_is_empty_again)
{
	observe(&o, "p50", UNIT_NS, 1);
	observations_release(&o);
	cr_assert_eq(o.count, 0);
	observe(&o, "p50", UNIT_COUNT, 1);
	cr_assert_eq(o.items[0].unit, UNIT_COUNT);
}

/* SPDX-License-Identifier: MIT */
#include "bench/run/published.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>

/* A scenario "paper" with one figure, whose texts are the test's. */
static struct published figure = {
	.what = "latency, transits",
	.variant = "far",
	.target = "ws",
	.figure = "observations.p50.value",
	.value = 4,
	.scale = 1e-6,
	.source = "they",
	.why = "it differs",
};
static struct scenario scenario = {
	.name = "paper", .published = &figure, .published_count = 1};

static const char measured[] =
	"[{\"scenario\":\"other\",\"variant\":\"far\",\"target\":\"ws\","
	"\"observations\":[{\"name\":\"p50\",\"value\":1}]},"
	"{\"scenario\":\"paper\",\"variant\":\"near\",\"target\":\"ws\","
	"\"observations\":[{\"name\":\"p50\",\"value\":2}]},"
	"{\"scenario\":\"paper\",\"variant\":\"far\",\"target\":\"ws\","
	"\"ratios\":{\"server_cpu\":{\"value\":1.5e6}},"
	"\"observations\":[{\"name\":\"mean\",\"value\":3},"
	"{\"name\":\"p50\",\"value\":6000000},{\"name\":\"none\"}]}]";

static cJSON *measurements, *list;

static void set_up(void)
{
	measurements = cJSON_Parse(measured);
	cr_assert_not_null(measurements);
}

static void tear_down(void)
{
	cJSON_Delete(measurements);
	cJSON_Delete(list);
}

TestSuite(published, .init = set_up, .fini = tear_down);

static double number(const char *key)
{
	const cJSON *item = cJSON_GetObjectItem(list->child, key);

	cr_assert(cJSON_IsNumber(item), "%s", key);
	return item->valuedouble;
}

static void assert_no_value(const char *path)
{
	figure.figure = (char *)path;
	cJSON_Delete(list);
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_eq(cJSON_GetArraySize(list), 1);
	cr_assert_null(cJSON_GetObjectItem(list->child, "measured"), "%s",
		       path);
	cr_assert_null(cJSON_GetObjectItem(list->child, "ratio"));
	cr_assert_float_eq(number("published"), 4, 0);
}

Test(published, ours_is_scaled_and_divided_by_theirs)
{
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_eq(cJSON_GetArraySize(list), 1);
	cr_assert_float_eq(number("published"), 4, 0);
	cr_assert_float_eq(number("measured"), 6, 1e-9);
	cr_assert_float_eq(number("ratio"), 1.5, 1e-9);
	cr_assert_str_eq(
		cJSON_GetObjectItem(list->child, "scenario")->valuestring,
		"paper");
	cr_assert_str_eq(cJSON_GetObjectItem(list->child, "why")->valuestring,
			 "it differs");
}

Test(published, a_path_through_objects)
{
	figure.figure = (char[]){"ratios.server_cpu.value"};
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_float_eq(number("measured"), 1.5, 1e-9);
}

Test(published, a_sum_of_figures)
{
	figure.figure =
		(char[]){"observations.p50.value+ratios.server_cpu.value"};
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_float_eq(number("measured"), 7.5, 1e-9);
	assert_no_value("observations.p50.value+observations.none.value");
}

Test(published, a_figure_of_one_target_by_that_of_another)
{
	cJSON *other = cJSON_Parse(
		"{\"scenario\":\"paper\",\"variant\":\"far\","
		"\"target\":\"sse\",\"outcome\":\"at least\","
		"\"observations\":[{\"name\":\"p50\",\"value\":12000000}]}");

	figure.target = (char[]){"sse"};
	figure.per = (char[]){"ws"};
	figure.scale = 1;
	figure.figure = (char[]){"observations.p50.value"};
	cr_assert(cJSON_AddItemToArray(measurements, other));
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_float_eq(number("measured"), 2, 1e-9);
	cr_assert_float_eq(number("ratio"), 0.5, 1e-9);
	cr_assert_str_eq(
		cJSON_GetObjectItem(list->child, "outcome")->valuestring,
		"at least");
	figure.per = (char[]){"bare"};
	assert_no_value("observations.p50.value");
}

Test(published, a_figure_that_could_not_be_had)
{
	assert_no_value("observations.none.value");
	assert_no_value("observations.p75.value");
	assert_no_value("observations.p50.value.more");
	assert_no_value("observations");
	assert_no_value("memory.value");
	assert_no_value("observations.a-name-that-is-longer-than-any-name-of-a-"
			"figure-could-ever-be.value");
}

Test(published, without_its_measurement_it_is_left_out)
{
	figure.target = (char[]){"sse"};
	list = published_to_json(&scenario, 1, measurements);
	cr_assert(cJSON_IsArray(list));
	cr_assert_eq(cJSON_GetArraySize(list), 0);
}

Test(published, nothing_published_is_an_empty_list)
{
	struct scenario none = {.name = "fanout"};

	list = published_to_json(&none, 1, measurements);
	cr_assert(cJSON_IsArray(list));
	cr_assert_eq(cJSON_GetArraySize(list), 0);
}

Test(published, nothing_has_no_ratio)
{
	figure.value = 0;
	list = published_to_json(&scenario, 1, measurements);
	cr_assert_float_eq(number("measured"), 6, 1e-9);
	cr_assert_null(cJSON_GetObjectItem(list->child, "ratio"));
}

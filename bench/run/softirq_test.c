/* SPDX-License-Identifier: MIT */
#include "bench/run/softirq.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench/run/caveats.h"
#include "bench/run/measurement.h"
#include "bench/run/perf.h"

/* A slice whose server spent as many samples' time as it has. */
static struct softirq_side taken(uint64_t receiving, uint64_t others)
{
	struct softirq_side side = {.charged = false};
	struct stacks s;

	stacks_init(&s);
	s.ends[STACKS_SERVER] = (struct stacks_end){2000, receiving};
	s.ends[STACKS_WORKER] = (struct stacks_end){1500, others};
	softirq_take(&side, &s, 2000 * (1000000000 / PERF_HZ));
	return side;
}

static const struct figure ratio = {1.5, 1.4, 1.6, 20};

Test(softirq, the_factor_has_an_interval_by_the_number_of_samples)
{
	struct softirq_side side = taken(800, 600);

	cr_assert(side.charged);
	cr_assert_eq(side.ends[STACKS_SERVER].receiving, 800);
	cr_assert_eq(side.ends[STACKS_WORKER].receiving, 600);
	cr_assert_float_eq(side.factor.value, 0.9, 1e-12);
	cr_assert_eq(side.factor.count, 2000);
	/* 0.0177 is the error: the root of 1260 by 2000. */
	cr_assert_float_eq(log(side.factor.high / 0.9),
			   1.96 * sqrt(1260) / 2000 / 0.9, 1e-9);
	cr_assert_float_eq(side.factor.high * side.factor.low, 0.81, 1e-9);
}

/* The ratio's own doubt, and that of both factors. */
static double doubt(const struct softirq *s)
{
	double of_ratio = log(1.6 / 1.5);
	double of_a = log(s->sides[0].factor.high / s->sides[0].factor.value);
	double of_b = log(s->sides[1].factor.high / s->sides[1].factor.value);

	return hypot(of_ratio, hypot(of_a, of_b));
}

Test(softirq, the_ratio_is_of_both_sides_re_attributed)
{
	struct softirq s = {.done = true,
			    .sides = {taken(800, 600), taken(600, 640)}};

	softirq_conclude(&s, &ratio);
	cr_assert(softirq_known(&s));
	cr_assert_float_eq(s.ratio.value, 1.5 * 1.02 / 0.9, 1e-9);
	cr_assert_float_eq(log(s.ratio.high / s.ratio.value), doubt(&s), 1e-9);
}

Test(softirq, nothing_follows_from_nothing)
{
	struct softirq s = {.done = true, .unsampled = "no perf"};
	double cpu[SOFTIRQ_SIDES] = {5000, 6000};
	cJSON *json;

	softirq_conclude(&s, &ratio);
	cr_assert_eq(s.ratio.count, 0);
	cr_assert_not(softirq_known(&s));
	json = softirq_to_json(&s, cpu);
	cr_assert_eq(cJSON_GetArraySize(json), 1);
	cr_assert_str_eq(cJSON_GetObjectItem(json, "unsampled")->valuestring,
			 "no perf");
	cJSON_Delete(json);
}

static double at(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItem(json, key)->valuedouble;
}

Test(softirq, costs_of_each_side_in_json)
{
	struct softirq s = {.done = true,
			    .sides = {taken(800, 600), taken(600, 640)}};
	double cpu[SOFTIRQ_SIDES] = {5000, 0};
	cJSON *json, *sides, *cost;

	softirq_conclude(&s, &ratio);
	json = softirq_to_json(&s, cpu);
	sides = cJSON_GetObjectItem(json, "sides");
	cost = cJSON_GetObjectItem(cJSON_GetObjectItem(sides, "baseline"),
				   "server_cpu_ns");
	cr_assert_float_eq(at(cost, "value"), 4500, 1e-6);
	cr_assert_float_eq(at(cost, "low"), 5000 * s.sides[0].factor.low, 1e-6);
	cr_assert_eq(
		at(cJSON_GetObjectItem(sides, "target"), "server_receiving"),
		600);
	/* Without a cost there is none re-attributed. */
	cost = cJSON_GetObjectItem(cJSON_GetObjectItem(sides, "target"),
				   "server_cpu_ns");
	cr_assert(cJSON_IsNull(cost));
	cJSON_Delete(json);
}

static bool noted(const struct softirq *s, const char *part)
{
	static const struct scenario scenario = {.name = "fanout"};
	static const struct variant variant = {.kind = LOAD_CLOSED};
	struct measurement m = {.scenario = &scenario,
				.variant = &variant,
				.complete = true,
				.softirq = *s};
	cJSON *list = caveats_of(&m);
	bool found = list->child && strstr(list->child->valuestring, part);

	cr_assert_eq(cJSON_GetArraySize(list), found);
	cJSON_Delete(list);
	return found;
}

Test(softirq, what_is_to_be_known_is_noted)
{
	struct softirq s = {.done = false, .unsampled = "no perf"};

	cr_assert_not(noted(&s, "Softirq"));
	s.done = true;
	cr_assert(noted(&s, "Softirq could not be re-attributed: no perf."));
	s.unsampled[0] = '\0';
	cr_assert(noted(&s, "keeps softirq out of the clocks"));
	s.sides[SIDE_TARGET].charged = true;
	cr_assert_not(noted(&s, "softirq"));
}

/* SPDX-License-Identifier: MIT */
/* Times and rates are not ranked when the load worker was the bottleneck. */
#include "bench/run/measurement.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

#include "bench/run/budget.h"
#include "bench/run/caveats.h"
#include "bench/run/observe.h"

#define PAIRS 12

static struct scenario scenario;
static struct variant variant;
static struct target target;
static struct measurement m;

static void set_up(void)
{
	scenario = (struct scenario){.name = "slow", .method = METHOD_PAIRS};
	variant = (struct variant){.name = "disconnect", .kind = LOAD_OPEN};
	target = (struct target){.name = "ws", .dialect = "ws"};
	measurement_init(&m, &scenario, &variant, &target, &target);
	m.seed = 7;
	m.values[PARAM_MARGIN] = 0.1;
	m.values[PARAM_WORKERS] = 1;
	/* As the budget's bound on a p99 wants it. */
	m.values[PARAM_RATE] = 10000;
	m.values[PARAM_SLICE_MS] = 1000;
}

static void tear_down(void)
{
	measurement_release(&m);
}

TestSuite(measurement, .init = set_up, .fini = tear_down);

/* A slice in which all costs and times are `cost`. */
static void fill(struct rig_slice *s, uint64_t cost, double busy)
{
	rig_slice_init(s);
	s->valid = true;
	s->result.kind = LOAD_OPEN;
	s->result.end_ns = 1000000000;
	s->result.deliveries = 4000;
	s->result.busy = busy;
	s->cost.cpu_ns = cost * 4000;
	hist_record_n(&s->result.from_intended[RECEIPTS_ALL], cost, 4000);
}

/* The target takes half of what the baseline does, or as little varied. */
static void measure(double baseline_busy, double target_busy)
{
	for (size_t i = 0; i < PAIRS; i++) {
		struct rig_slice pair[SIDES];

		fill(&pair[SIDE_BASELINE], 20000 + 10 * i, baseline_busy);
		fill(&pair[SIDE_TARGET], 10000, target_busy);
		cr_assert_not(measurement_pair(&m, pair, i, 0, false));
		for (int k = 0; k < SIDES; k++)
			rig_slice_release(&pair[k]);
	}
	measurement_conclude(&m);
}

static bool noted(void)
{
	cJSON *list = caveats_of(&m);
	const cJSON *item;
	bool found = false;

	cJSON_ArrayForEach(item, list)
	{
		if (strstr(item->valuestring, "over 70 % of its core"))
			found = true;
	}
	cJSON_Delete(list);
	return found;
}

static void budget_says(const char *state)
{
	cJSON *list = budget_to_json(&m, 1);

	cr_assert_eq(cJSON_GetArraySize(list), 1);
	cr_assert_str_eq(
		cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "state")
			->valuestring,
		state);
	cJSON_Delete(list);
}

Test(measurement, a_tail_is_ranked_when_the_client_keeps_up)
{
	m.values[PARAM_FROZEN] = 1;
	measure(0.69, 0.69);
	cr_assert_not(measurement_client_bound(&m));
	cr_assert_eq(m.verdict, VERDICT_BETTER);
	cr_assert_not(noted());
	budget_says("met");
}

Test(measurement, a_tail_of_a_busy_client_is_shown_and_not_ranked)
{
	m.values[PARAM_FROZEN] = 1;
	measure(0.5, 0.71);
	cr_assert(measurement_client_bound(&m));
	cr_assert_float_eq(m.ratios[METRIC_LATENCY_TAIL].value, 0.5, 0.01);
	cr_assert_eq(m.verdict, VERDICT_INCONCLUSIVE);
	cr_assert(noted());
	budget_says("undecided");
}

/* It would flatter the target. */
Test(measurement, either_side_binds)
{
	m.values[PARAM_FROZEN] = 1;
	measure(0.71, 0.5);
	cr_assert(measurement_client_bound(&m));
	cr_assert_eq(m.verdict, VERDICT_INCONCLUSIVE);
}

Test(measurement, server_cpu_is_ranked_beside_a_busy_client)
{
	measure(0.9, 0.9);
	cr_assert(measurement_client_bound(&m));
	cr_assert_eq(m.verdict, VERDICT_BETTER);
	cr_assert(noted());
}

Test(measurement, an_observed_slice_binds)
{
	struct rig_slice slice;

	m.baseline = NULL;
	fill(&slice, 10000, 0.71);
	observe_deliveries(&m, &slice);
	slice.result.busy = 0.1;
	observe_deliveries(&m, &slice);
	rig_slice_release(&slice);
	cr_assert(measurement_client_bound(&m), "its busiest slice counts");
	cr_assert(noted());
}

/* Those of a pair that is run again are not, as its slices are not. */
Test(measurement, hiccups_of_the_slices_that_count)
{
	struct rig_slice pair[SIDES];
	cJSON *json;

	for (int i = 0; i < SIDES; i++) {
		fill(&pair[i], 10000, 0.5);
		hist_record(&pair[i].hiccups[METER_SERVER], 1000);
		hist_record(&pair[i].hiccups[METER_LOAD], 2000 + (uint64_t)i);
	}
	cr_assert_not(measurement_pair(&m, pair, 0, 0, true));
	pair[0].disturbed = true;
	cr_assert(measurement_pair(&m, pair, 1, 0, true));
	for (int i = 0; i < SIDES; i++)
		rig_slice_release(&pair[i]);
	cr_assert_eq(m.hiccups[METER_SERVER].total, 2);
	cr_assert_eq(m.hiccups[METER_LOAD].max, 2001);
	json = measurement_to_json(&m);
	cr_assert_eq(
		cJSON_GetObjectItem(
			cJSON_GetObjectItem(
				cJSON_GetObjectItem(json, "hiccups"), "load"),
			"max")
			->valuedouble,
		2001);
	cJSON_Delete(json);
}

/* In a slice that is not valid there are so many of each kind. */
static void spoil(struct rig_slice *s, uint64_t corrupt, uint64_t lost)
{
	s->valid = false;
	s->result.messages = 4;
	s->result.ledger.delivered = 4000 - lost;
	s->result.ledger.lost = lost;
	s->result.ledger.corrupt = corrupt;
	(void)load_result_valid(&s->result, s->why);
}

static void measure_invalid(bool disturbed, bool may_repeat)
{
	struct rig_slice pair[SIDES];

	for (int k = 0; k < SIDES; k++)
		fill(&pair[k], 10000, 0.1);
	spoil(&pair[SIDE_TARGET], 3, 2);
	pair[SIDE_TARGET].disturbed = disturbed;
	cr_assert_not(measurement_pair(&m, pair, PAIRS, 0, may_repeat));
	for (int k = 0; k < SIDES; k++)
		rig_slice_release(&pair[k]);
}

static bool notes(const char *text)
{
	cJSON *list = caveats_of(&m);
	const cJSON *item;
	bool found = false;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(item->valuestring, text) == 0)
			found = true;
	}
	cJSON_Delete(list);
	return found;
}

static cJSON *at(cJSON *json, const char *a, const char *b)
{
	return cJSON_GetObjectItem(cJSON_GetObjectItem(json, a), b);
}

static void is_invalid(const char *why)
{
	cJSON *budget;

	measure(0.1, 0.1);
	cr_assert_eq(m.pairs, PAIRS);
	cr_assert(measurement_invalid(&m));
	cr_assert_eq(m.verdict, VERDICT_INCONCLUSIVE);
	cr_assert_str_eq(measurement_verdict_name(&m), "invalid");
	cr_assert_str_eq(m.invalid_why, why);
	cr_assert_gt(m.ratios[METRIC_SERVER_CPU].count, 0, "it is shown");
	budget = budget_to_json(&m, 1);
	cr_assert_eq(cJSON_GetArraySize(budget), 0);
	cJSON_Delete(budget);
}

/* All its other pairs would make it better, and within the budget. */
Test(measurement, one_invalid_pair_is_one_too_many)
{
	cJSON *json, *faults;

	m.values[PARAM_FROZEN] = 1;
	measure_invalid(false, false);
	is_invalid("3 corrupt, 2 lost of 4,000 deliveries");
	cr_assert(notes("Invalid, hence no verdict and no rank. Pairs that are "
			"not valid and not counted: 1 of 13. First seen: 3 "
			"corrupt, 2 lost of 4,000 deliveries; in the slices of "
			"the target that are not valid (1): 3 corrupt, 2 lost "
			"of 4,000 deliveries."));
	json = measurement_to_json(&m);
	cr_assert_str_eq(cJSON_GetObjectItem(json, "verdict")->valuestring,
			 "invalid");
	faults = cJSON_GetObjectItem(json, "invalid");
	cr_assert_null(cJSON_GetObjectItem(faults, "baseline"));
	cr_assert_eq(at(faults, "target", "slices")->valuedouble, 1);
	cr_assert_eq(
		cJSON_GetObjectItem(at(faults, "target", "ledger"), "corrupt")
			->valuedouble,
		3);
	cJSON_Delete(json);
}

/* What others did on the machine changes no bytes. */
Test(measurement, a_disturbed_pair_that_is_invalid_is_no_better)
{
	measure_invalid(true, true);
	cr_assert_eq(m.repeated, 0);
	is_invalid("3 corrupt, 2 lost of 4,000 deliveries");
}

Test(measurement, the_warm_up_has_a_ledger_and_no_length)
{
	struct rig_slice slice;

	fill(&slice, 10000, 0.1);
	slice.valid = false;
	measurement_aside(&m, SIDE_TARGET, &slice, "in the warm-up");
	cr_assert_not(measurement_invalid(&m), "nothing came, nothing wrong");
	spoil(&slice, 0, 2);
	measurement_aside(&m, SIDE_BASELINE, &slice, "in the warm-up");
	rig_slice_release(&slice);
	is_invalid("baseline: in the warm-up, 2 lost of 4,000 deliveries");
}

Test(measurement, an_invalid_one_is_restored_as_such)
{
	struct measurement other;
	cJSON *json;

	measure_invalid(false, false);
	measurement_conclude(&m);
	json = measurement_to_json(&m);
	measurement_init(&other, &scenario, &variant, &target, &target);
	measurement_restore(&other, json);
	cr_assert_str_eq(measurement_verdict_name(&other), "invalid");
	cr_assert_eq(other.faults[SIDE_TARGET].slices, 1);
	cr_assert_eq(other.faults[SIDE_TARGET].ledger.corrupt, 3);
	cr_assert_eq(other.faults[SIDE_BASELINE].slices, 0);
	measurement_release(&other);
}

Test(measurement, a_restored_one_is_as_it_was_told)
{
	measurement_restore(&m, cJSON_Parse("{\"client_bound\": true}"));
	cr_assert(measurement_client_bound(&m));
	cJSON_Delete(m.earlier);
	measurement_restore(&m, cJSON_Parse("{\"client_bound\": false}"));
	cr_assert_not(measurement_client_bound(&m));
}

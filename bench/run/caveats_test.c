/* SPDX-License-Identifier: MIT */
/* When a tail may be the machine's: it is not above twice its hiccups. */
#include "bench/run/caveats.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

#define MS 1000000

static struct scenario scenario;
static struct variant variant;
static struct target target;
static struct measurement m;
static struct tally *tally;

static void set_up(void)
{
	scenario = (struct scenario){.name = "s", .method = METHOD_PAIRS};
	variant = (struct variant){.name = "v", .kind = LOAD_CLOSED};
	target = (struct target){.name = "ws", .dialect = "ws"};
	measurement_init(&m, &scenario, &variant, &target, &target);
	m.complete = true;
	tally = &m.tallies[SIDE_TARGET];
}

static void tear_down(void)
{
	measurement_release(&m);
}

TestSuite(caveats, .init = set_up, .fini = tear_down);

/* `count` values, of which one in a hundred and one more are `tail`. */
static void fill(struct hist *h, uint64_t count, uint64_t tail)
{
	hist_clear(h);
	hist_record_n(h, MS / 10, count - count / 100 - 1);
	hist_record_n(h, tail, count / 100 + 1);
}

/* What of the measurement is said to be perhaps the machine's. */
static void doubts(const char *expected)
{
	static const char before[] = "May be the machine's as much as the "
				     "server's: ";
	cJSON *list = caveats_of(&m);
	const char *text = "";
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (strncmp(item->valuestring, before, strlen(before)) == 0)
			text = item->valuestring + strlen(before);
	}
	cr_assert_eq(strncmp(text, expected, strlen(expected)), 0,
		     "\"%s\" and not \"%s\"", text, expected);
	cr_assert(expected[0] || !text[0], "%s", text);
	cJSON_Delete(list);
}

Test(caveats, a_tail_of_twice_the_hiccups_may_be_the_machines)
{
	fill(&m.hiccups[METER_SERVER], 4000, 3 * MS);
	fill(&tally->from_intended[RECEIPTS_MEDIAN], 4000, 5 * MS);
	fill(&tally->from_intended[RECEIPTS_LAST], 4000, 7 * MS);
	doubts("median p99. ");
	fill(&m.hiccups[METER_SERVER], 4000, 2 * MS);
	doubts("");
}

Test(caveats, the_worse_core_counts)
{
	fill(&m.hiccups[METER_SERVER], 4000, MS);
	fill(&m.hiccups[METER_LOAD], 4000, 4 * MS);
	fill(&tally->from_intended[RECEIPTS_MEDIAN], 4000, 5 * MS);
	fill(&tally->from_intended[RECEIPTS_LAST], 4000, 7 * MS);
	doubts("median p99, last p99. ");
}

/* A short slice's tail is its p90 or so: it is compared with that. */
Test(caveats, the_same_percentile_is_compared)
{
	fill(&m.hiccups[METER_SERVER], 4000, 9 * MS);
	hist_record_n(&tally->from_intended[RECEIPTS_LAST], MS, 200);
	doubts("");
	hist_record_n(&m.hiccups[METER_SERVER], 9 * MS, 500);
	doubts("last p90. ");
}

/* With few hiccups p99 is not known; p95 is a lower bound of it. */
Test(caveats, a_lower_percentile_where_the_same_is_not_known)
{
	hist_record_n(&m.hiccups[METER_SERVER], MS, 450);
	hist_record_n(&m.hiccups[METER_SERVER], 8 * MS, 4);
	fill(&tally->from_intended[RECEIPTS_LAST], 4000, 3 * MS);
	doubts("");
	hist_record_n(&m.hiccups[METER_SERVER], 2 * MS, 46);
	doubts("last p99. ");
}

Test(caveats, answers_of_a_round_trip)
{
	variant.kind = LOAD_RTT;
	fill(&m.hiccups[METER_LOAD], 4000, 4 * MS);
	fill(&tally->ack, 4000, 5 * MS);
	doubts("answers' p99. ");
}

Test(caveats, all_receipts_where_their_tail_is_shown)
{
	fill(&m.hiccups[METER_LOAD], 4000, 4 * MS);
	fill(&tally->from_intended[RECEIPTS_ALL], 4000, 5 * MS);
	doubts("");
	m.values[PARAM_FROZEN] = 1;
	doubts("all p99. ");
}

Test(caveats, what_a_method_observed)
{
	scenario.method = METHOD_NETWORK;
	m.baseline = NULL;
	fill(&m.hiccups[METER_SERVER], 4000, 2 * MS);
	hist_record(&m.hiccups[METER_SERVER], 20 * MS);
	observe(&m.observations, "p99", UNIT_NS, 5 * MS);
	observe(&m.observations, "max", UNIT_NS, 30 * MS);
	doubts("max. ");
	observe(&m.observations, "max", UNIT_NS, 60 * MS);
	doubts("");
}

Test(caveats, nothing_of_what_is_not_ranked_or_not_known)
{
	fill(&tally->from_intended[RECEIPTS_MEDIAN], 4000, MS);
	doubts("");
	fill(&m.hiccups[METER_SERVER], 4000, MS);
	doubts("median p99. ");
	tally->slices = 1;
	tally->busy = 0.9;
	doubts("");
	tally->busy = 0;
	scenario.method = METHOD_CLIENT;
	doubts("");
}

static void says(const char *expected)
{
	cJSON *list = caveats_of(&m);
	const cJSON *item;
	bool said = false;

	cJSON_ArrayForEach(item, list)
	{
		said = said || strcmp(item->valuestring, expected) == 0;
	}
	cr_assert(said, "%s", expected);
	cJSON_Delete(list);
}

Test(caveats, what_ended_under_load)
{
	cJSON *list = caveats_of(&m);

	cr_assert_eq(cJSON_GetArraySize(list), 0);
	cJSON_Delete(list);
	tally->cost.ended = 3;
	says("Threads of ws ended while it was measured: 3, whose last context "
	     "switches are not counted.");
	tally->cost.cpu_ns = 200;
	tally->cost.waited_ns = 50;
	says("Processes of ws ended while it was measured: 25 % of its CPU is "
	     "theirs, known in ticks of 10 ms. Their context switches are not "
	     "counted.");
	tally->cost.lost = 2;
	says("Of up to 2 processes of ws that ended, nobody knows the last of "
	     "their CPU, since it did not wait for them: it is not counted.");
}

/* Whether a note begins so; the whole of it, or NULL. Owned by `list`. */
static const char *note(const cJSON *list, const char *begin)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (strncmp(item->valuestring, begin, strlen(begin)) == 0)
			return item->valuestring;
	}
	return NULL;
}

Test(caveats, compressed_bytes_are_told_as_such)
{
	static const char begin[] = "Messages come compressed";
	cJSON *list = caveats_of(&m);

	cr_assert_null(note(list, begin));
	cJSON_Delete(list);
	m.check.compressed = true;
	list = caveats_of(&m);
	cr_assert(note(list, begin));
	cJSON_Delete(list);
}

/* `starts` of ten pairs, of which the last costs so many times as much. */
static void measure_starts(unsigned starts, double times)
{
	for (size_t i = 0; i < starts * (size_t)10; i++) {
		unsigned start = (unsigned)(i / 10);
		struct rig_slice pair[SIDES];

		for (int k = 0; k < SIDES; k++) {
			rig_slice_init(&pair[k]);
			pair[k].valid = true;
			pair[k].result.kind = LOAD_CLOSED;
			pair[k].result.end_ns = 1000000000;
			pair[k].result.deliveries = 1000;
			pair[k].cost.cpu_ns = 10000000 + i * i % 7 * 100000;
		}
		if (start + 1 == starts)
			pair[SIDE_TARGET].cost.cpu_ns =
				(uint64_t)(times * (double)pair[SIDE_TARGET]
							   .cost.cpu_ns);
		pair[SIDE_BASELINE].cost.cpu_ns += i % 3 * 50000;
		cr_assert_not(measurement_pair(&m, pair, i, start, false));
		for (int k = 0; k < SIDES; k++)
			rig_slice_release(&pair[k]);
	}
	measurement_conclude(&m);
}

Test(caveats, starts_that_differ_are_told)
{
	static const char expected[] =
		"The 3 starts of the servers differ by more than their slices "
		"explain (ratios of server_cpu: 0.996, 0.995, 1.09): ";
	cJSON *list;

	m.seed = 1;
	measure_starts(3, 1.1);
	list = caveats_of(&m);
	cr_assert(note(list, "The 3 starts of the servers differ"));
	cr_assert(note(list, expected), "%s", note(list, "The 3 starts"));
	cJSON_Delete(list);
	cr_assert_lt(m.ratios[METRIC_SERVER_CPU].low, 0.95);
	cr_assert_gt(m.ratios[METRIC_SERVER_CPU].high, 1.1);
}

Test(caveats, many_starts_that_differ_are_told_by_the_extremes)
{
	cJSON *list;

	measure_starts(9, 1.1);
	list = caveats_of(&m);
	cr_assert(strstr(note(list, "The 9 starts"),
			 "(ratios of server_cpu: 0.995 to 1.09)"),
		  "%s", note(list, "The 9 starts"));
	cJSON_Delete(list);
}

Test(caveats, of_starts_alike_nothing_is_told)
{
	cJSON *list;

	measure_starts(4, 1);
	list = caveats_of(&m);
	cr_assert_null(note(list, "The 4 starts"));
	cJSON_Delete(list);
	cr_assert_gt(m.ratios[METRIC_SERVER_CPU].low, 0.98);
}

static void wire_is(struct machine machine, const char *expected)
{
	struct meters meters = {0};
	cJSON *list = caveats_of_all(&machine, &meters);

	cr_assert_str_eq(cJSON_GetArrayItem(list, 1)->valuestring, expected);
	cJSON_Delete(list);
}

Test(caveats, whose_wire_it_is)
{
	wire_is((struct machine){.loopback_mtu = 1500},
		"The wire is a loopback interface in a network namespace of "
		"the run's own, with an MTU of 1500: segments are as on "
		"Ethernet, but there is no network card and no interrupt. "
		"Bytes are those of the sockets, both ways, without TCP/IP "
		"headers.");
	wire_is((struct machine){.loopback_mtu = 65536, .shared = "a reason"},
		"The wire is the host's loopback interface with its MTU of "
		"65536 (a reason): little segmentation, no network card, no "
		"interrupts. Bytes are those of the sockets, both ways, "
		"without TCP/IP headers.");
}

Test(caveats, no_meters_and_why)
{
	struct machine machine = {.worker_cpu_count = 1};
	struct meters meters = {.why = "there is one core only"};
	cJSON *list = caveats_of_all(&machine, &meters);
	int n = cJSON_GetArraySize(list);

	cr_assert_str_eq(cJSON_GetArrayItem(list, n - 1)->valuestring,
			 "The machine's own hiccups are not known: there is "
			 "one core only.");
	cJSON_Delete(list);
	meters.why[0] = '\0';
	list = caveats_of_all(&machine, &meters);
	cr_assert_eq(cJSON_GetArraySize(list), n - 1);
	cJSON_Delete(list);
}

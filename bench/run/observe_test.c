/* SPDX-License-Identifier: MIT */
#include "bench/run/observe.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000

static struct measurement m;
static struct rig_slice slice;
static struct rig rig;

static void set_up(void)
{
	m = (struct measurement){0};
	rig = (struct rig){.culprit = 1};
	rig_slice_init(&slice);
}

static void tear_down(void)
{
	observations_release(&m.observations);
	hist_release(&m.hiccups[METER_SERVER]);
	rig_slice_release(&slice);
}

TestSuite(observe, .init = set_up, .fini = tear_down);

/* The newest value of that name; NaN when it has none. */
static double seen(const char *name)
{
	const struct observation *o = observations_find(&m.observations, name);

	cr_assert_not_null(o, "%s", name);
	return o->count > 0 ? o->values[o->count - 1] : (double)NAN;
}

static bool is_there(const char *name)
{
	return observations_find(&m.observations, name) != NULL;
}

Test(observe, share_of_deliveries)
{
	slice.result.ledger.delivered = 75;
	slice.result.ledger.lost = 25;
	observe_deliveries(&m, &slice);
	cr_assert_float_eq(seen("delivered"), 0.75, 1e-12);
	cr_assert_not(is_there("twice"));
	cr_assert_str_eq(m.outcome, "");
	slice.result.ledger.duplicated = 3;
	(void)strcpy(slice.result.error, "publisher: connection reset");
	observe_deliveries(&m, &slice);
	cr_assert_float_eq(seen("twice"), 3, 0);
	cr_assert_str_eq(m.outcome, "publisher: connection reset");
}

Test(observe, the_machines_hiccups)
{
	hist_record(&slice.hiccups[METER_SERVER], MS);
	observe_deliveries(&m, &slice);
	observe_deliveries(&m, &slice);
	cr_assert_eq(m.hiccups[METER_SERVER].total, 2);
}

Test(observe, nothing_owed_is_no_share)
{
	observe_deliveries(&m, &slice);
	cr_assert(isnan(seen("delivered")));
}

Test(observe, latency_of_nothing_is_not_known)
{
	observe_latency(&m, &slice);
	cr_assert(isnan(seen("mean")));
	cr_assert(isnan(seen("max")));
	cr_assert_null(observations_find(&m.observations, "p50"));
}

Test(observe, percentiles_run_over_messages_and_have_20_beyond)
{
	struct hist *all = &slice.result.from_intended[RECEIPTS_ALL];
	struct hist *median = &slice.result.from_intended[RECEIPTS_MEDIAN];

	hist_record_n(all, 10 * MS, 9900);
	hist_record_n(all, 110 * MS, 100);
	hist_record_n(median, 10 * MS, 39);
	observe_latency(&m, &slice);
	cr_assert_float_eq(seen("mean"), 11 * MS, 1);
	cr_assert_float_eq(seen("max"), 110 * MS, 0.001 * 110 * MS);
	cr_assert_null(observations_find(&m.observations, "p50"));
	hist_record(median, 30 * MS);
	observe_latency(&m, &slice);
	cr_assert_float_eq(seen("p50"), 10 * MS, 0.001 * 10 * MS);
	cr_assert_null(observations_find(&m.observations, "p90"));
	hist_record_n(median, 30 * MS, 1960);
	observe_latency(&m, &slice);
	cr_assert_float_eq(seen("p99"), 30 * MS, 0.001 * 30 * MS);
}

Test(observe, absences_only_when_there_were_any)
{
	observe_absences(&m, &slice);
	cr_assert_eq(m.observations.count, 0);
	slice.result.lost = 2;
	slice.result.gaps = 1;
	hist_record(&slice.result.away, 300 * MS);
	observe_absences(&m, &slice);
	cr_assert_float_eq(seen("lost"), 2, 0);
	cr_assert_float_eq(seen("back p50"), 300 * MS, 0.001 * 300 * MS);
	cr_assert_float_eq(seen("told gaps"), 1, 0);
	/* A start without any counts as none, once there was one with. */
	slice.result.lost = 0;
	observe_absences(&m, &slice);
	cr_assert_eq(observations_find(&m.observations, "lost")->count, 2);
	cr_assert_float_eq(seen("lost"), 0, 0);
}

Test(observe, bytes_are_those_of_the_subscribers)
{
	observe_bytes(&m, &slice);
	cr_assert(isnan(seen("bytes")));
	slice.result.bytes_in = 5000;
	slice.result.bytes_out = 1000;
	slice.result.publisher_bytes_in = 700;
	slice.result.publisher_bytes_out = 300;
	slice.result.deliveries = 50;
	observe_bytes(&m, &slice);
	cr_assert_float_eq(seen("bytes"), 100, 1e-9);
}

Test(observe, who_is_open_where_not_all_need_to_be)
{
	slice.result.open = 6;
	observe_open(&m, &slice);
	cr_assert_not(is_there("open"));
	m.values[PARAM_PARTIAL] = 1;
	observe_open(&m, &slice);
	cr_assert_float_eq(seen("open"), 6, 0);
	(void)strcpy(rig.failure, "sse: no subscriber opened in time");
	cr_assert(observe_refusal(&m, &rig, ERR_IO));
	cr_assert_float_eq(seen("open"), 0, 0);
	cr_assert_float_eq(seen("delivered"), 0, 0);
}

Test(observe, what_lies_between_refuses)
{
	(void)strcpy(rig.failure,
		     "ws: cannot connect: subscriber: answered 400 instead of "
		     "101");
	cr_assert(observe_refusal(&m, &rig, ERR_IO));
	cr_assert_str_eq(m.outcome,
			 "not connected: answered 400 instead of 101");
	cr_assert_float_eq(seen("delivered"), 0, 0);
	cr_assert_not(is_there("open"));
	cr_assert_str_eq(rig.failure, "");
	cr_assert_eq(rig.culprit, -1);
}

Test(observe, a_refusal_without_a_subscriber)
{
	(void)strcpy(rig.failure, "ws: not all opened in 5 s");
	cr_assert(observe_refusal(&m, &rig, ERR_TIMEOUT));
	cr_assert_str_eq(m.outcome, "not connected: not all opened in 5 s");
	(void)strcpy(rig.failure, "in words of one's own");
	cr_assert(observe_refusal(&m, &rig, ERR_TIMEOUT));
	cr_assert_str_eq(m.outcome, "not connected: in words of one's own");
}

Test(observe, an_end_by_the_user_or_of_the_worker_is_no_refusal)
{
	(void)strcpy(rig.failure, "the load worker ended");
	cr_assert_not(observe_refusal(&m, &rig, ERR_CLOSED));
	cr_assert_not(observe_refusal(&m, &rig, ERR_REFUSED));
	rig.failure[0] = '\0';
	cr_assert_not(observe_refusal(&m, &rig, ERR_IO));
	cr_assert_not(observe_no_link(&m, &rig, ERR_IO));
	cr_assert_eq(m.observations.count, 0);
	cr_assert_str_eq(m.outcome, "");
	cr_assert_eq(rig.culprit, 1);
}

Test(observe, a_link_that_is_not_allowed)
{
	(void)strcpy(rig.failure, "link: cannot make a network namespace");
	cr_assert_not(observe_no_link(&m, &rig, ERR_REFUSED));
	cr_assert(observe_no_link(&m, &rig, ERR_IO));
	cr_assert_eq(strncmp(m.outcome, "not measured: ", 14), 0, "%s",
		     m.outcome);
	cr_assert_str_eq(rig.failure, "");
	cr_assert_eq(m.observations.count, 0);
}

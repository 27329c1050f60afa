/* SPDX-License-Identifier: MIT */
/*
 * Schedule, receipts and histograms together, on simulated time: what a server
 * with a known delay and known stalls makes of latency is known to the
 * nanosecond, and has to be what is reported.
 */
#include <criterion/criterion.h>

#include "bench/load/pace.h"
#include "bench/load/receipts.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define MS ((uint64_t)1000000)
#define START (1000 * MS)
#define SUBSCRIBERS 3
#define RATE 1000 /* one message each millisecond */
#define MESSAGES 10000
#define PERIOD_MS 1000

/* Stands still for the first `stall_ms` of every second. */
struct stalls {
	uint64_t stall_ms;
};

static uint64_t free_at(const struct stalls *s, uint64_t now_ns)
{
	uint64_t into = (now_ns - START) % (PERIOD_MS * MS);

	return into < s->stall_ms * MS ? now_ns - into + s->stall_ms * MS
				       : now_ns;
}

static struct receipts receipts;

static void tear_down(void)
{
	receipts_release(&receipts);
}

TestSuite(simulated, .fini = tear_down);

/*
 * Subscriber k has each message delay_ns + k ms after the server got it. The
 * client looks at its schedule whenever it does not stall itself.
 */
static void simulate(const struct stalls *client, const struct stalls *server,
		     uint64_t delay_ns)
{
	struct pace_options options = {.rate = RATE};
	uint64_t intended;
	struct clock clock;
	struct pace pace;

	clock_fake_init(&clock, START);
	receipts_init(&receipts, SUBSCRIBERS);
	pace_init(&pace, &options, START);
	for (uint32_t n = 0; n < MESSAGES;) {
		uint64_t now = clock_ns(&clock);

		if (free_at(client, now) == now) {
			for (; n < MESSAGES && pace_take(&pace, now, &intended);
			     n++) {
				cr_assert_eq(receipts_sent(&receipts, intended,
							   now, 0),
					     ERR_OK);
				for (uint64_t k = 0; k < SUBSCRIBERS; k++)
					(void)receipts_add(
						&receipts, n,
						free_at(server, now) +
							delay_ns + k * MS);
			}
		}
		clock_fake_advance_ms(&clock, 1);
	}
	receipts_settle(&receipts);
	cr_assert_eq(receipts.completed, MESSAGES);
}

static void assert_percentile(const struct hist *h, double p, uint64_t ns)
{
	cr_assert_eq(hist_percentile(h, p), hist_highest_equivalent(ns),
		     "p%g is %f ms and not %f", p,
		     (double)hist_percentile(h, p) / 1e6, (double)ns / 1e6);
}

static const struct stalls never = {0};

Test(simulated, a_delay_is_reported_as_it_is)
{
	static const uint64_t delays[] = {1, 999, 200 * 1000, 7 * MS + 1,
					  1234 * MS};
	static const double percentiles[] = {0.1, 50, 90, 99, 99.9, 100};

	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		simulate(&never, &never, delays[i]);
		for (size_t k = 0; k < ARRAY_SIZE(percentiles); k++) {
			double p = percentiles[k];

			for (int kind = 0; kind <= RECEIPTS_LAST; kind++) {
				uint64_t ns = delays[i] + (uint64_t)kind * MS;

				assert_percentile(&receipts.from_intended[kind],
						  p, ns);
				assert_percentile(&receipts.from_sent[kind], p,
						  ns);
			}
		}
		receipts_release(&receipts);
	}
}

/*
 * 100 ms of every second: a tenth of the messages waits, evenly from 1 to
 * 100 ms, so that a share of (100 - x) / 1000 waits longer than x.
 */
static void assert_tail(const struct hist *h, uint64_t delay_ns)
{
	assert_percentile(h, 50, delay_ns);
	assert_percentile(h, 90, delay_ns);
	assert_percentile(h, 91, delay_ns + 10 * MS);
	assert_percentile(h, 95, delay_ns + 50 * MS);
	assert_percentile(h, 99, delay_ns + 90 * MS);
	assert_percentile(h, 99.9, delay_ns + 99 * MS);
	assert_percentile(h, 100, delay_ns + 100 * MS);
}

Test(simulated, stalls_of_the_server_have_their_share_of_the_tail)
{
	const struct stalls server = {.stall_ms = 100};

	simulate(&never, &server, 3 * MS);
	for (int kind = 0; kind <= RECEIPTS_LAST; kind++) {
		uint64_t delay = (3 + (uint64_t)kind) * MS;

		assert_tail(&receipts.from_intended[kind], delay);
		assert_tail(&receipts.from_sent[kind], delay);
	}
}

/* What is sent late is no faster for it: only the uncorrected says so. */
Test(simulated, stalls_of_the_client_hide_from_the_uncorrected_only)
{
	const struct stalls client = {.stall_ms = 100};

	simulate(&client, &never, 3 * MS);
	assert_tail(&receipts.from_intended[RECEIPTS_FIRST], 3 * MS);
	assert_percentile(&receipts.from_sent[RECEIPTS_FIRST], 100, 3 * MS);
}

/* A client that stalls with the server does not hide it either. */
Test(simulated, stalls_of_both_count_once)
{
	const struct stalls both = {.stall_ms = 100};

	simulate(&both, &both, 3 * MS);
	assert_tail(&receipts.from_intended[RECEIPTS_FIRST], 3 * MS);
	assert_percentile(&receipts.from_sent[RECEIPTS_FIRST], 100, 3 * MS);
}

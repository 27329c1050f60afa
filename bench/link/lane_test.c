/* SPDX-License-Identifier: MIT */
#include "bench/link/lane.h"

#include <criterion/criterion.h>

#include "bench/link/gate.h"

#define MS 1000000U

static struct alarms *alarms;
static struct shaper shaper;
static struct lane lane;
static char got[65536];
static size_t got_len;
static uint64_t now_ns, last_ns;

/* Takes all that is due, at most `max` bytes. */
static void take(size_t max)
{
	struct iovec iov[3];

	while (max > 0 && lane_due(&lane, now_ns, iov, 3) > 0) {
		size_t n = iov[0].iov_len < max ? iov[0].iov_len : max;

		memcpy(got + got_len, iov[0].iov_base, n);
		got_len += n;
		max -= n;
		lane_consume(&lane, n);
	}
}

static void due(struct lane *l)
{
	last_ns = now_ns;
	take(sizeof(got));
	lane_arm(l, now_ns);
}

static void run_to(uint64_t ns)
{
	while (alarms_next(alarms) <= ns) {
		now_ns = alarms_next(alarms);
		alarms_run(alarms, now_ns);
	}
	now_ns = ns;
}

static void set_up(uint64_t delay_ns, uint64_t jitter_ns, uint64_t rate)
{
	cr_assert_eq(alarms_new(NULL, &alarms), ERR_OK);
	shaper_init(&shaper, delay_ns, jitter_ns, rate, 3);
	lane_init(&lane, alarms, &shaper, 4096, due);
	got_len = 0;
	now_ns = 0;
}

static void push(const char *text)
{
	lane_push(&lane, now_ns, slice_str(text));
	lane_arm(&lane, now_ns);
}

static void tear_down(void)
{
	lane_release(&lane);
	cr_assert_eq(lane.held, 0);
	cr_assert_eq(alarms_next(alarms), ALARM_NEVER);
	alarms_free(alarms);
}

Test(lane, bytes_come_out_at_their_time)
{
	set_up(10 * MS, 0, 0);
	push("one");
	run_to(4 * MS);
	push("two");
	run_to(10 * MS - 1);
	cr_assert_eq(got_len, 0);
	run_to(10 * MS);
	cr_assert_eq(got_len, 3);
	run_to(14 * MS);
	cr_assert_arr_eq(got, "onetwo", 6);
	tear_down();
}

Test(lane, jitter_keeps_order_and_the_end_is_behind)
{
	char text[2] = "";

	set_up(10 * MS, 9 * MS, 0);
	for (int i = 0; i < 200; i++) {
		text[0] = (char)('!' + i % 64);
		push(text);
		run_to(now_ns + MS / 4);
	}
	lane_push_end(&lane, now_ns, LANE_FIN);
	lane_arm(&lane, now_ns);
	cr_assert_eq(lane_ended(&lane, now_ns), LANE_OPEN);
	run_to(100 * MS);
	cr_assert_eq(got_len, 200);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(got[i], (char)('!' + i % 64));
	cr_assert_eq(lane_ended(&lane, now_ns), LANE_FIN);
	tear_down();
}

Test(lane, the_end_has_the_delay)
{
	set_up(10 * MS, 0, 0);
	run_to(MS);
	lane_push_end(&lane, now_ns, LANE_RESET);
	lane_arm(&lane, now_ns);
	cr_assert_eq(alarms_next(alarms), 11 * MS);
	cr_assert_eq(lane_ended(&lane, 11 * MS - 1), LANE_OPEN);
	cr_assert_eq(lane_ended(&lane, 11 * MS), LANE_RESET);
	tear_down();
}

Test(lane, what_is_not_taken_stays)
{
	set_up(0, 0, 0);
	push("abc");
	push("defgh");
	take(1);
	take(4);
	cr_assert_arr_eq(got, "abcde", 5);
	take(99);
	cr_assert_arr_eq(got, "abcdefgh", 8);
	cr_assert_eq(got_len, 8);
	tear_down();
}

Test(lane, rate_lets_a_run_trickle_out)
{
	static char bytes[14480];

	/* 1448 bytes take 11.584 ms. */
	set_up(0, 0, 1000000);
	lane_push(&lane, 0, slice_of(bytes, sizeof(bytes)));
	lane_arm(&lane, 0);
	run_to(12 * MS);
	cr_assert_eq(got_len, 1448);
	run_to(60 * MS);
	cr_assert_eq(got_len, 5 * 1448);
	run_to(200 * MS);
	cr_assert_eq(got_len, sizeof(bytes));
	cr_assert_eq(last_ns, 115840000);
	tear_down();
}

Test(lane, room_counts_small_runs_as_what_they_cost)
{
	set_up(10 * MS, 0, 0);
	cr_assert_eq(lane_room(&lane), 4096);
	for (int i = 0; i < 4096 && lane_room(&lane) > 0; i++)
		push("x");
	cr_assert_eq(lane_room(&lane), 0);
	run_to(10 * MS);
	cr_assert_lt(got_len, 200);
	cr_assert_eq(lane_room(&lane), 4096);
	tear_down();
}

/* The gate */

static struct gate gate;
static struct clock fake;
static struct gate_waiter waiters[3];
static int order[16], turns;

static void turn(struct gate_waiter *w)
{
	order[turns++] = (int)(w - waiters);
	(void)shaper_due(&gate.shaper, fake.fake_ns, 1000);
	cr_assert_not(turns < 6 && gate_pass(&gate, w, fake.fake_ns));
}

Test(gate, waiters_take_turns_as_the_queue_drains)
{
	cr_assert_eq(alarms_new(NULL, &alarms), ERR_OK);
	clock_fake_init(&fake, 0);
	shaper_init(&gate.shaper, 0, 0, 8000000, 1); /* a byte takes 1 us */
	gate_init(&gate, alarms, &fake, 2000);
	turns = 0;
	for (int i = 0; i < 3; i++) {
		gate_waiter_init(&waiters[i], turn);
		cr_assert(gate_pass(&gate, &waiters[i], 0));
		(void)shaper_due(&gate.shaper, 0, 1000);
	}
	for (int i = 0; i < 3; i++)
		cr_assert_not(gate_pass(&gate, &waiters[i], 0));
	while (turns < 6 && alarms_next(alarms) != ALARM_NEVER) {
		fake.fake_ns = alarms_next(alarms);
		alarms_run(alarms, fake.fake_ns);
	}
	for (int i = 0; i < 6; i++)
		cr_assert_eq(order[i], i % 3);
	/* The sixth thousand could start once 2000 bytes were left of eight. */
	cr_assert_eq(fake.fake_ns, 6 * MS);
	gate_leave(&waiters[0]);
	gate_release(&gate);
	alarms_free(alarms);
}

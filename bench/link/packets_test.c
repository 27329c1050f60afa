/* SPDX-License-Identifier: MIT */
#include "bench/link/packets.h"

#include <criterion/criterion.h>

#define MS 1000000U
#define COUNT 20000

static struct alarms *alarms;
static struct packets packets;
static uint64_t now_ns;
static uint32_t came[COUNT];
static uint64_t came_ns[COUNT];
static size_t count;

static void out(struct packets *p, struct slice packet)
{
	cr_assert_eq(p, &packets);
	memcpy(&came[count], packet.p, sizeof(came[0]));
	came_ns[count++] = now_ns;
}

static void set_up(const struct plan *plan)
{
	cr_assert_eq(alarms_new(NULL, &alarms), ERR_OK);
	packets_init(&packets, alarms, plan, 7, out);
	now_ns = 0;
	count = 0;
}

static void run_to(uint64_t ns)
{
	while (alarms_next(alarms) <= ns) {
		now_ns = alarms_next(alarms);
		alarms_run(alarms, now_ns);
	}
	now_ns = ns;
}

static void push(uint32_t number, size_t size)
{
	char bytes[1500] = "";

	memcpy(bytes, &number, sizeof(number));
	packets_push(&packets, now_ns, slice_of(bytes, size));
}

static void tear_down(void)
{
	packets_release(&packets);
	cr_assert_eq(alarms_next(alarms), ALARM_NEVER);
	cr_assert_eq(packets.held, 0);
	alarms_free(alarms);
}

Test(packets, delay_is_half_a_round_trip)
{
	set_up(&(struct plan){.rtt_ns = 100 * MS, .queue = 65536});
	push(5, 100);
	run_to(50 * MS - 1);
	cr_assert_eq(count, 0);
	run_to(50 * MS);
	cr_assert_eq(count, 1);
	cr_assert_eq(came[0], 5);
	cr_assert_eq(packets.stats.bytes, 100);
	tear_down();
}

Test(packets, an_empty_queue_takes_a_packet_of_any_size)
{
	set_up(&(struct plan){.queue = 1000});
	push(1, 1500);
	push(2, 1500);
	run_to(MS);
	cr_assert_eq(count, 2, "without a rate nothing waits");
	tear_down();
	set_up(&(struct plan){.queue = 1000, .rate_bits = 12000});
	push(1, 1500);
	push(2, 100);
	cr_assert_eq(packets.stats.dropped, 1);
	run_to(1000 * MS);
	cr_assert_eq(count, 1);
	tear_down();
}

Test(packets, loss_has_its_share_and_keeps_order)
{
	set_up(&(struct plan){.rtt_ns = 10 * MS,
			      .jitter_ns = 8 * MS,
			      .queue = 65536,
			      .loss = 0.1});
	for (uint32_t i = 0; i < COUNT; i++) {
		push(i, 100);
		run_to(now_ns + MS / 10);
	}
	run_to(now_ns + 100 * MS);
	cr_assert_eq(count + packets.stats.lost, COUNT);
	/* The standard deviation is 42. */
	cr_assert(packets.stats.lost > 1800 && packets.stats.lost < 2200);
	for (size_t i = 1; i < count; i++)
		cr_assert_gt(came[i], came[i - 1]);
	tear_down();
}

Test(packets, reordered_ones_fall_behind_and_arrive)
{
	size_t behind = 0;

	set_up(&(struct plan){
		.rtt_ns = 20 * MS, .queue = 65536, .reorder = 0.05});
	for (uint32_t i = 0; i < COUNT; i++) {
		push(i, 100);
		run_to(now_ns + MS / 10);
	}
	run_to(now_ns + 100 * MS);
	cr_assert_eq(count, COUNT);
	for (size_t i = 1; i < count; i++)
		behind += came[i] < came[i - 1];
	cr_assert_gt(behind, 800);
	cr_assert_leq(behind, packets.stats.reordered);
	tear_down();
}

Test(packets, a_full_queue_drops_the_newest)
{
	/* A packet of 1000 bytes takes 1 ms. */
	set_up(&(struct plan){.rate_bits = 8000000, .queue = 5000});
	for (uint32_t i = 0; i < 10; i++)
		push(i, 1000);
	cr_assert_eq(packets.stats.dropped, 5);
	run_to(3 * MS);
	cr_assert_eq(count, 3);
	push(10, 1000);
	run_to(100 * MS);
	cr_assert_eq(count, 6);
	cr_assert_eq(came[5], 10);
	cr_assert_eq(came_ns[5], 6 * MS);
	tear_down();
}

Test(packets, the_black_hole_swallows_what_is_under_way)
{
	set_up(&(struct plan){.rtt_ns = 10 * MS, .queue = 65536});
	push(1, 100);
	packets.holed = true;
	push(2, 100);
	run_to(100 * MS);
	cr_assert_eq(count, 0);
	cr_assert_eq(packets.stats.swallowed, 2);
	tear_down();
}

Test(packets, what_is_under_way_is_bounded)
{
	set_up(&(struct plan){.rtt_ns = 1000 * (uint64_t)MS,
			      .queue = (size_t)1 << 30});
	for (uint32_t i = 0; i < 50000; i++)
		push(i, 1500);
	cr_assert_leq(packets.held, PACKETS_HELD_MAX);
	cr_assert_gt(packets.stats.dropped, 0);
	tear_down();
}

/* SPDX-License-Identifier: MIT */
#include "bench/link/turns.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

#define COUNT 5

static struct alarms *alarms;
static struct clock fake;
static struct turns turns;

static struct guest {
	struct turn turn;
	unsigned came; /* its place among those told, from 1; 0: it was not */
} guests[COUNT];

static unsigned told;
static bool giving; /* who comes gives back at once */

static void come(struct turn *t)
{
	container_of(t, struct guest, turn)->came = ++told;
	if (giving)
		turns_give(&turns, t);
}

static void set_up(void)
{
	cr_assert_eq(alarms_new(NULL, &alarms), ERR_OK);
	clock_fake_init(&fake, 1);
	turns_init(&turns, alarms, &fake, 2);
	for (size_t i = 0; i < COUNT; i++)
		turn_init(&guests[i].turn, come);
}

static void tear_down(void)
{
	turns_release(&turns);
	alarms_free(alarms);
}

/* All ask, in their order; the first two have it. */
static void all_take(void)
{
	for (size_t i = 0; i < COUNT; i++)
		cr_assert_eq(turns_take(&turns, &guests[i].turn), i < 2);
}

static void run(void)
{
	alarms_run(alarms, clock_ns(&fake));
}

TestSuite(turns, .init = set_up, .fini = tear_down);

Test(turns, so_many_at_once_and_the_rest_wait)
{
	all_take();
	cr_assert_eq(turns.taken, 2);
	cr_assert_eq(turns.waiting, COUNT - 2);
	run();
	cr_assert_eq(told, 0);
	/* Asking again is no second place in the queue. */
	cr_assert(turns_take(&turns, &guests[0].turn));
	cr_assert_not(turns_take(&turns, &guests[2].turn));
	cr_assert_eq(turns.taken, 2);
	cr_assert_eq(turns.waiting, COUNT - 2);
	cr_assert_eq(turns.waited, COUNT - 2);
}

Test(turns, first_come_first_served)
{
	all_take();
	turns_give(&turns, &guests[1].turn);
	turns_give(&turns, &guests[0].turn);
	cr_assert_eq(told, 0, "from the alarm, not from inside");
	/* Who comes now does not overtake those who wait. */
	cr_assert_not(turns_take(&turns, &guests[0].turn));
	run();
	cr_assert_eq(guests[2].came, 1);
	cr_assert_eq(guests[3].came, 2);
	cr_assert_eq(guests[4].came, 0);
	turns_give(&turns, &guests[3].turn);
	turns_give(&turns, &guests[2].turn);
	run();
	cr_assert_eq(guests[4].came, 3);
	cr_assert_eq(guests[0].came, 4);
	cr_assert_eq(turns.waiting, 0);
	cr_assert_eq(turns.taken, 2);
}

Test(turns, who_leaves_the_queue_is_passed_over)
{
	all_take();
	turns_give(&turns, &guests[2].turn);
	turns_give(&turns, &guests[2].turn);
	cr_assert_eq(turns.waiting, COUNT - 3);
	cr_assert_eq(turns.taken, 2);
	turns_give(&turns, &guests[0].turn);
	run();
	cr_assert_eq(guests[2].came, 0);
	cr_assert_eq(guests[3].came, 1);
	cr_assert_eq(turns.taken, 2);
}

Test(turns, one_that_is_given_back_at_once_goes_on_to_the_next)
{
	giving = true;
	all_take();
	turns_give(&turns, &guests[0].turn);
	run();
	cr_assert_eq(told, COUNT - 2);
	cr_assert_eq(turns.taken, 1);
	cr_assert_eq(turns.waiting, 0);
	cr_assert(turns_take(&turns, &guests[0].turn));
}

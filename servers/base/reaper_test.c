/* SPDX-License-Identifier: MIT */
#include "servers/base/reaper.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/clock.h"

static struct clock fake;
static struct loop *loop;
static struct reaper reaper;
static unsigned freed;
static unsigned cost_ms; /* of freeing one */

static void free_one(struct list *link)
{
	cr_assert(!list_linked(link));
	free(link);
	freed++;
	clock_fake_advance_ms(&fake, cost_ms);
}

static void setup(void)
{
	freed = 0;
	cost_ms = 0;
	clock_fake_init(&fake, 0);
	cr_assert_eq(loop_new(&fake, &loop), ERR_OK);
	reaper_init(&reaper, loop, free_one);
}

static void teardown(void)
{
	reaper_release(&reaper);
	loop_free(loop);
}

TestSuite(reaper, .init = setup, .fini = teardown, .timeout = 20);

static void add(unsigned n)
{
	while (n-- > 0) {
		struct list *link = xmalloc(sizeof(*link));

		list_init(link);
		reaper_add(&reaper, link);
	}
}

Test(reaper, frees_at_the_end_of_the_tick)
{
	add(100);
	cr_assert_eq(freed, 0);
	cr_assert_eq(loop_tick(loop, 0), ERR_OK);
	cr_assert_eq(freed, 100);
}

/* The rest comes in the next ticks, for which nothing is waited. */
Test(reaper, frees_no_longer_than_a_slice)
{
	unsigned ticks = 0;

	cost_ms = 1;
	add(100);
	for (; freed < 100; ticks++) {
		unsigned before = freed;

		cr_assert_eq(loop_tick(loop, ticks > 0 ? -1 : 0), ERR_OK);
		cr_assert_gt(freed, before);
		cr_assert_leq(freed - before, 20);
	}
	cr_assert_geq(ticks, 5);
}

Test(reaper, release_frees_what_is_left)
{
	cost_ms = 1;
	add(100);
	cr_assert_eq(loop_tick(loop, 0), ERR_OK);
	cr_assert_lt(freed, 100);
	reaper_release(&reaper);
	cr_assert_eq(freed, 100);
	reaper_init(&reaper, loop, free_one);
}

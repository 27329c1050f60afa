/* SPDX-License-Identifier: MIT */
/* Over a real link, whose reader stops, and with times that are made up. */
#include <criterion/criterion.h>

#include "servers/core/control.h"
#include "servers/core/test_link.h"
#include "servers/http/reply_watch.h"

#define TIMEOUT 100
#define LOOK (TIMEOUT / 4 + 1)

static const struct reply_times times = {TIMEOUT, 1000};

static struct test_link wire;
static struct reply_watch watch;

static void setup(void)
{
	test_link_init(&wire, FORMAT_WS);
}

static void teardown(void)
{
	test_link_release(&wire);
}

TestSuite(reply_watch, .init = setup, .fini = teardown, .timeout = 20);

static uint64_t begin(uint64_t now)
{
	static const uint8_t ping[] = {0x89, 0};

	control_send(wire.t, slice_of(ping, sizeof(ping)));
	return reply_watch_begin(&watch, wire.t, &wire.conn, &times, now);
}

static uint64_t look(uint64_t now, bool unheard)
{
	return reply_watch_look(&watch, wire.t, &wire.conn, now, unheard);
}

static void drain(void)
{
	do {
		test_link_settle(&wire);
	} while (test_link_read(&wire, SIZE_MAX) > 0);
}

Test(reply_watch, a_clear_link_has_one_timeout)
{
	cr_assert_eq(begin(1000), TIMEOUT);
	cr_assert_eq(look(1000 + TIMEOUT, false), 0);
}

Test(reply_watch, a_link_that_does_not_drain_has_no_more)
{
	test_link_fill(&wire);
	cr_assert_eq(begin(1000), LOOK);
	cr_assert_eq(look(1000 + LOOK, false), LOOK);
	cr_assert_eq(look(1000 + TIMEOUT - 1, false), 1);
	cr_assert_eq(look(1000 + TIMEOUT, false), 0);
}

/* The ping is behind what the kernel holds, which is read in two steps. */
Test(reply_watch, while_the_link_drains_the_time_does_not_count)
{
	uint64_t now = 1000 + TIMEOUT - 1;

	test_link_fill(&wire);
	(void)begin(1000);
	cr_assert_gt(test_link_read(&wire, 1500000), 0);
	test_link_settle(&wire);
	cr_assert_eq(look(now, false), LOOK, "it moves");
	now += TIMEOUT - 1;
	drain();
	cr_assert_eq(look(now, false), 1, "it has arrived since the last look");
	cr_assert_eq(look(now + 1, false), 0, "and is not answered");
}

Test(reply_watch, who_is_not_heard_stays_while_it_takes_bytes)
{
	test_link_fill(&wire);
	(void)begin(1000);
	drain();
	cr_assert_eq(look(1000 + TIMEOUT - 1, true), LOOK);
	cr_assert_eq(look(1000 + TIMEOUT - 1 + TIMEOUT, true), 0);
}

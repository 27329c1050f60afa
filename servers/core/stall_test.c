/* SPDX-License-Identifier: MIT */
/* Over a real link, whose reader stops, and with times that are made up. */
#include <criterion/criterion.h>

#include "servers/core/fake_backend.h"
#include "servers/core/stall.h"
#include "servers/core/test_link.h"

/* Far more than the test takes: the kernel's clock goes on meanwhile. */
#define INTERVAL 100000
#define TIMEOUT 30000

static const struct backend_options options = {
	.ping_interval_ms = INTERVAL,
	.ping_timeout_ms = TIMEOUT,
};

static struct test_link wire;

static void setup(void)
{
	test_link_init(&wire, FORMAT_SSE);
}

static void teardown(void)
{
	test_link_release(&wire);
}

TestSuite(stall, .init = setup, .fini = teardown, .timeout = 20);

static enum stall_state look(struct stall *s, uint64_t now)
{
	return stall_look(s, wire.t, &wire.conn, &options, now);
}

Test(stall, nothing_waits_on_an_idle_stream)
{
	struct stall s = {0};

	for (uint64_t now = 0; now < 1000; now += 50)
		cr_assert_eq(look(&s, now), STALL_NONE);
	test_link_send(&wire, 10);
	test_link_settle(&wire);
	cr_assert_eq(look(&s, 5000), STALL_NONE);
}

Test(stall, a_reader_that_stops_has_interval_and_timeout)
{
	struct stall s = {0};

	test_link_fill(&wire);
	cr_assert_eq(look(&s, 1000), STALL_WAITING);
	cr_assert_eq(stall_next(&s, &options, 1000), TIMEOUT);
	cr_assert_eq(stall_next(&s, &options, 1000 + TIMEOUT), INTERVAL);
	cr_assert_eq(look(&s, 1000 + TIMEOUT), STALL_WAITING);
	cr_assert_eq(look(&s, 1000 + INTERVAL + TIMEOUT - 1), STALL_WAITING);
	cr_assert_eq(look(&s, 1000 + INTERVAL + TIMEOUT), STALL_GONE);
}

Test(stall, a_reader_that_goes_on_stays_however_full_its_queue)
{
	struct stall s = {0};
	uint64_t now = 1000;

	test_link_fill(&wire);
	cr_assert_eq(look(&s, now), STALL_WAITING);
	for (int i = 0; i < 10; i++) {
		now += INTERVAL + TIMEOUT - 1;
		cr_assert_gt(test_link_read(&wire, SIZE_MAX), 0);
		test_link_settle(&wire);
		test_link_fill(&wire);
		cr_assert_eq(look(&s, now), STALL_WAITING);
	}
	cr_assert_eq(look(&s, now + INTERVAL + TIMEOUT), STALL_GONE);
}

/* SPDX-License-Identifier: MIT */
#include "servers/base/clock.h"

#include <time.h>

static uint64_t monotonic_now_ns(struct clock *c)
{
	struct timespec ts;

	(void)c;
	/* Cannot fail: the clock exists on every Linux and ts is writable. */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static uint64_t fake_now_ns(struct clock *c)
{
	return c->fake_ns;
}

struct clock clock_monotonic = {.now_ns = monotonic_now_ns};

void clock_fake_init(struct clock *c, uint64_t start_ns)
{
	*c = (struct clock){.now_ns = fake_now_ns, .fake_ns = start_ns};
}

void clock_fake_advance_ms(struct clock *c, uint64_t ms)
{
	c->fake_ns += ms * 1000000U;
}

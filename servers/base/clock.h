/* SPDX-License-Identifier: MIT */
/*
 * Time is injected: whoever needs it borrows a `struct clock`. The real one
 * reads CLOCK_MONOTONIC; tests set a fake one's time by hand.
 */
#ifndef SERVERS_BASE_CLOCK_H
#define SERVERS_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t (*now_ns)(struct clock *c); /* monotonic nanoseconds */
	uint64_t fake_ns;		     /* what a fake clock says */
};

extern struct clock clock_monotonic; /* stateless, hence shared */

void clock_fake_init(struct clock *c, uint64_t start_ns);
void clock_fake_advance_ms(struct clock *c, uint64_t ms);

static inline uint64_t clock_ns(struct clock *c)
{
	return c->now_ns(c);
}

static inline uint64_t clock_ms(struct clock *c)
{
	return c->now_ns(c) / 1000000;
}

#endif

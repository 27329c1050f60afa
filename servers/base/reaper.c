/* SPDX-License-Identifier: MIT */
#include "servers/base/reaper.h"

#define REAPER_SLICE_NS 2000000
#define REAPER_STRIDE 8 /* how many go between two looks at the clock */

static void reap_one(struct reaper *r)
{
	struct list *link = r->dead.next;

	list_remove(link);
	r->free_one(link);
}

static bool reap(struct loop_hook *hook)
{
	struct reaper *r = container_of(hook, struct reaper, hook);
	struct clock *clock = loop_clock(r->loop);
	uint64_t end_ns = 0;

	for (unsigned n = 1; !list_empty(&r->dead); n++) {
		reap_one(r);
		if (n % REAPER_STRIDE != 0)
			continue;
		if (!end_ns)
			end_ns = clock_ns(clock) + REAPER_SLICE_NS;
		else if (clock_ns(clock) >= end_ns)
			break;
	}
	return !list_empty(&r->dead);
}

void reaper_init(struct reaper *r, struct loop *loop, reaper_fn *free_one)
{
	r->loop = loop;
	list_init(&r->dead);
	r->free_one = free_one;
	r->hook.run = reap;
	loop_add_hook(loop, &r->hook);
}

void reaper_release(struct reaper *r)
{
	while (!list_empty(&r->dead))
		reap_one(r);
	loop_remove_hook(&r->hook);
}

void reaper_add(struct reaper *r, struct list *link)
{
	list_remove(link);
	list_append(&r->dead, link);
}

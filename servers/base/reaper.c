/* SPDX-License-Identifier: MIT */
#include "servers/base/reaper.h"

static bool reap(struct loop_hook *hook)
{
	struct reaper *r = container_of(hook, struct reaper, hook);

	while (!list_empty(&r->dead)) {
		struct list *link = r->dead.next;

		list_remove(link);
		r->free_one(link);
	}
	return false;
}

void reaper_init(struct reaper *r, struct loop *loop, reaper_fn *free_one)
{
	list_init(&r->dead);
	r->free_one = free_one;
	r->hook.run = reap;
	loop_add_hook(loop, &r->hook);
}

void reaper_release(struct reaper *r)
{
	reap(&r->hook);
	loop_remove_hook(&r->hook);
}

void reaper_add(struct reaper *r, struct list *link)
{
	list_remove(link);
	list_append(&r->dead, link);
}

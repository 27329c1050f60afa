/* SPDX-License-Identifier: MIT */
#include "bench/link/turns.h"

#include "servers/base/check.h"

static void hand_out(struct alarm *a)
{
	struct turns *s = container_of(a, struct turns, alarm);

	while (s->taken < s->most && !list_empty(&s->queue)) {
		struct turn *t = list_entry(s->queue.next, struct turn, link);

		list_remove(&t->link);
		s->waiting--;
		s->taken++;
		t->had = true;
		t->come(t);
	}
}

void turns_init(struct turns *s, struct alarms *alarms, struct clock *clock,
		size_t most)
{
	*s = (struct turns){.clock = clock, .most = most};
	alarm_init(&s->alarm, alarms, hand_out);
	list_init(&s->queue);
}

void turns_release(struct turns *s)
{
	alarm_cancel(&s->alarm);
}

void turn_init(struct turn *t, turn_fn *come)
{
	*t = (struct turn){.come = come};
	list_init(&t->link);
}

bool turns_take(struct turns *s, struct turn *t)
{
	if (t->had || list_linked(&t->link))
		return t->had;
	/* A turn that is free is the first waiter's, who has not been told. */
	if (s->taken < s->most && list_empty(&s->queue)) {
		s->taken++;
		t->had = true;
		return true;
	}
	list_append(&s->queue, &t->link);
	s->waiting++;
	s->waited++;
	return false;
}

void turns_give(struct turns *s, struct turn *t)
{
	if (list_linked(&t->link)) {
		list_remove(&t->link);
		s->waiting--;
	}
	if (!t->had)
		return;
	t->had = false;
	s->taken--;
	if (!list_empty(&s->queue))
		alarm_set(&s->alarm, clock_ns(s->clock));
}

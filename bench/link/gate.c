/* SPDX-License-Identifier: MIT */
#include "bench/link/gate.h"

static bool full(const struct gate *g, uint64_t now_ns)
{
	return shaper_backlog(&g->shaper, now_ns) > g->queue;
}

static void arm(struct gate *g)
{
	uint64_t due_ns = shaper_drained(&g->shaper, g->queue);
	uint64_t now_ns = clock_ns(g->clock);

	/* Rounding must not make it due while the queue is still full. */
	alarm_set(&g->alarm, due_ns > now_ns ? due_ns : now_ns + 1);
}

static void drained(struct alarm *a)
{
	struct gate *g = container_of(a, struct gate, alarm);

	while (!list_empty(&g->waiting) && !full(g, clock_ns(g->clock))) {
		struct gate_waiter *w =
			list_entry(g->waiting.next, struct gate_waiter, link);

		list_remove(&w->link);
		w->turn(w);
	}
	if (!list_empty(&g->waiting))
		arm(g);
}

void gate_init(struct gate *g, struct alarms *alarms, struct clock *clock,
	       size_t queue)
{
	g->queue = queue;
	g->clock = clock;
	alarm_init(&g->alarm, alarms, drained);
	list_init(&g->waiting);
}

void gate_release(struct gate *g)
{
	alarm_cancel(&g->alarm);
}

void gate_waiter_init(struct gate_waiter *w, gate_fn *turn)
{
	list_init(&w->link);
	w->turn = turn;
}

bool gate_pass(struct gate *g, struct gate_waiter *w, uint64_t now_ns)
{
	if (!full(g, now_ns))
		return true;
	if (!list_linked(&w->link))
		list_append(&g->waiting, &w->link);
	if (!alarm_is_set(&g->alarm))
		arm(g);
	return false;
}

void gate_leave(struct gate_waiter *w)
{
	list_remove(&w->link);
}

/* SPDX-License-Identifier: MIT */
#include "bench/link/lane.h"

#include <stdlib.h>

#include "servers/base/check.h"

/* With a rate, bytes trickle out by as much as a full packet carries. */
#define PACKET_PAYLOAD 1448

struct segment {
	struct segment *next;
	uint64_t due_ns;
	size_t at, n; /* bytes[at .. n) are not out yet */
	char bytes[];
};

static size_t cost(const struct segment *s)
{
	return sizeof(*s) + s->n;
}

static void drop_first(struct lane *l)
{
	struct segment *s = l->first;

	l->first = s->next;
	if (!l->first)
		l->last = NULL;
	l->held -= cost(s);
	free(s);
}

static void alarm_fired(struct alarm *a)
{
	struct lane *l = container_of(a, struct lane, alarm);

	l->on_due(l);
}

void lane_init(struct lane *l, struct alarms *alarms, struct shaper *shaper,
	       size_t limit, lane_fn *on_due)
{
	*l = (struct lane){.shaper = shaper, .limit = limit, .on_due = on_due};
	alarm_init(&l->alarm, alarms, alarm_fired);
}

void lane_release(struct lane *l)
{
	alarm_cancel(&l->alarm);
	while (l->first)
		drop_first(l);
	l->end = LANE_OPEN;
}

static uint64_t in_order(struct lane *l, uint64_t due_ns)
{
	if (l->last_due_ns < due_ns)
		l->last_due_ns = due_ns;
	return l->last_due_ns;
}

static void push_one(struct lane *l, uint64_t now_ns, struct slice bytes)
{
	struct segment *s = xmalloc(sizeof(*s) + bytes.n);

	*s = (struct segment){.n = bytes.n};
	s->due_ns = in_order(l, shaper_due(l->shaper, now_ns, bytes.n));
	memcpy(s->bytes, bytes.p, bytes.n);
	if (l->last)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
	l->held += cost(s);
}

void lane_push(struct lane *l, uint64_t now_ns, struct slice bytes)
{
	while (bytes.n > 0) {
		size_t n = bytes.n;

		if (l->shaper->rate_bits && n > PACKET_PAYLOAD)
			n = PACKET_PAYLOAD;
		push_one(l, now_ns, slice_of(bytes.p, n));
		bytes = slice_after(bytes, n);
	}
}

void lane_push_end(struct lane *l, uint64_t now_ns, enum lane_end end)
{
	l->end = end;
	l->end_due_ns = in_order(l, shaper_due(l->shaper, now_ns, 0));
}

int lane_due(const struct lane *l, uint64_t now_ns, struct iovec *iov, int max)
{
	int count = 0;

	for (struct segment *s = l->first;
	     s && s->due_ns <= now_ns && count < max; s = s->next)
		iov[count++] = (struct iovec){s->bytes + s->at, s->n - s->at};
	return count;
}

void lane_consume(struct lane *l, size_t n)
{
	while (n > 0) {
		struct segment *s = l->first;

		CHECK(s);
		if (n < s->n - s->at) {
			s->at += n;
			return;
		}
		n -= s->n - s->at;
		drop_first(l);
	}
}

void lane_arm(struct lane *l, uint64_t now_ns)
{
	uint64_t next_ns = ALARM_NEVER;

	if (l->first)
		next_ns = l->first->due_ns;
	else if (l->end != LANE_OPEN)
		next_ns = l->end_due_ns;
	if (next_ns == ALARM_NEVER || next_ns <= now_ns)
		alarm_cancel(&l->alarm);
	else if (!alarm_is_set(&l->alarm) || l->alarm.due_ns != next_ns)
		alarm_set(&l->alarm, next_ns);
}

enum lane_end lane_ended(const struct lane *l, uint64_t now_ns)
{
	return !l->first && l->end_due_ns <= now_ns ? l->end : LANE_OPEN;
}

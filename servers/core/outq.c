/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/outq.h"

/* The first ring: more than a burst of sixteen needs it twice a tick. */
#define OUTQ_FIRST_RING 16

void outq_init(struct outq *q)
{
	*q = (struct outq){.cap = OUTQ_INLINE};
}

void outq_release(struct outq *q)
{
	outq_drop(q, q->count);
}

/*
 * The size of the first message, which may be of any: answers have a place
 * behind it. Control frames may have come before it, or into it.
 */
static uint64_t outq_first_size(const struct outq *q)
{
	uint32_t i = q->offset && q->count > 1 &&
		     (outq_at(q, 1)->flags & MSG_CONTROL);

	while (i + 1 < q->count && (outq_at(q, i)->flags & MSG_CONTROL))
		i++;
	return outq_at(q, i)->size;
}

bool outq_fits(const struct outq *q, const struct outq_limits *limits,
	       const struct msg *m)
{
	/* The last message of a link always fits: it is what ends a flood. */
	if (!q->count || (m->flags & MSG_CLOSES))
		return true;
	if (msg_droppable(m))
		return q->count < limits->messages &&
		       q->bytes + m->size <= limits->bytes;
	return q->count < 2 * (uint64_t)limits->messages &&
	       (q->bytes + m->size <= 2 * limits->bytes ||
		q->bytes - outq_first_size(q) + m->size <= 2 * limits->bytes);
}

static void outq_grow(struct outq *q)
{
	uint32_t cap = q->ring ? q->cap * 2 : OUTQ_FIRST_RING;
	struct msg **ring = xmalloc(cap * sizeof(struct msg *));

	CHECK(cap > q->cap);
	for (uint32_t i = 0; i < q->count; i++)
		ring[i] = outq_at(q, i);
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
}

enum err outq_push(struct outq *q, const struct outq_limits *limits,
		   struct msg *m)
{
	if (!outq_fits(q, limits, m))
		return ERR_LIMIT;
	if (q->count == q->cap)
		outq_grow(q);
	outq_put(q, msg_ref(m));
	return ERR_OK;
}

unsigned outq_drop(struct outq *q, unsigned n)
{
	unsigned events = 0;

	CHECK(n <= q->count);
	for (unsigned i = 0; i < n; i++) {
		struct msg *m = outq_at(q, i);

		events += m->kind == MSG_EVENT;
		q->bytes -= m->size;
		msg_unref(m);
	}
	q->offset = 0;
	q->count -= n;
	q->head = (q->head + n) & (q->cap - 1);
	if (q->count == 0 && q->ring) {
		free(q->ring);
		q->ring = NULL;
		q->cap = OUTQ_INLINE;
		q->head = 0;
	}
	return events;
}

void outq_insert(struct outq *q, uint32_t i, struct msg *m)
{
	CHECK(i <= q->count && !(i == 0 && q->offset));
	if (q->count == q->cap)
		outq_grow(q);
	outq_put(q, msg_ref(m));
	for (uint32_t at = q->count - 1; at > i; at--)
		*outq_place(q, at) = outq_at(q, at - 1);
	*outq_place(q, i) = m;
}

/* Moves the shorter side, so that near either end it costs little. */
void outq_remove(struct outq *q, uint32_t i)
{
	struct msg *m = outq_at(q, i);

	CHECK(i < q->count && q->count > 1 && !(i == 0 && q->offset));
	if (i < q->count / 2) {
		for (; i > 0; i--)
			*outq_place(q, i) = outq_at(q, i - 1);
		q->head = (q->head + 1) & (q->cap - 1);
	} else {
		for (; i + 1 < q->count; i++)
			*outq_place(q, i) = outq_at(q, i + 1);
	}
	q->count--;
	q->bytes -= m->size;
	msg_unref(m);
}

void outq_cut(struct outq *q, uint32_t count)
{
	CHECK(count > 0 && count <= q->count);
	while (q->count > count) {
		struct msg *m = outq_at(q, --q->count);

		q->bytes -= m->size;
		msg_unref(m);
	}
}

unsigned outq_advance(struct outq *q, enum wire_format format, size_t sent)
{
	size_t left = q->offset + sent;
	unsigned done = 0, events;

	while (done < q->count) {
		size_t n = msg_frame(outq_at(q, done), format).n;

		if (n > left)
			break;
		left -= n;
		done++;
	}
	CHECK(left == 0 || done < q->count);
	events = outq_drop(q, done);
	q->offset = (uint32_t)left;
	return events;
}

/* SPDX-License-Identifier: MIT */
#include "servers/core/control.h"

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/wire/websocket.h"

/* The first end of a frame that is not before `offset`. */
static size_t frame_end(struct slice frames, size_t offset)
{
	size_t end = 0;

	while (end < offset)
		end += (size_t)ws_frame_length(slice_after(frames, end));
	CHECK(end <= frames.n);
	return end;
}

/*
 * Cuts the first message, part of which is sent, behind the frame that is
 * under way, so that others find a place there: it is returned. All parts
 * share the bytes.
 */
static uint32_t control_cut(struct transport *t)
{
	struct outq *q = &t->q;
	struct msg *whole = outq_at(q, 0);
	struct slice bytes = msg_frame(whole, t->format);
	size_t end = frame_end(bytes, q->offset);
	struct msg *rest, *head;

	if (end == bytes.n)
		return 1;
	t->stats->delivered += whole->kind == MSG_EVENT;
	rest = msg_new_part(whole, slice_after(bytes, end));
	rest->size = whole->size;
	*outq_place(q, 0) = rest;
	if (end == q->offset) {
		q->offset = 0;
		msg_unref(whole);
		return 0;
	}
	head = msg_new_part(whole, slice_of(bytes.p, end));
	*outq_place(q, 0) = head;
	q->bytes = q->bytes - whole->size + head->size;
	outq_insert(q, 1, rest);
	msg_unref(rest);
	msg_unref(whole);
	return 1;
}

/*
 * Puts m before the data that waits, behind the control frames that do: those
 * are all in front, so that their order holds.
 */
static void control_overtake(struct transport *t, struct msg *m)
{
	struct outq *q = &t->q;
	uint32_t i = q->offset ? control_cut(t) : 0;

	/* A peer that does not read may have sent many pings. */
	if (outq_at(q, q->count - 1)->flags & MSG_CONTROL)
		i = q->count;
	while (i < q->count && (outq_at(q, i)->flags & MSG_CONTROL))
		i++;
	outq_insert(q, i, m);
}

/*
 * One large message may fill a queue by itself, and its bytes say nothing of
 * the control frames that pass it. So these are bounded by their number.
 */
static bool control_fits(const struct transport *t, const struct msg *m)
{
	const struct outq_limits *l = &t->hub->options.queue;

	return t->q.count < 2 * (uint64_t)l->messages &&
	       t->q.count * (uint64_t)m->size <= 2 * l->bytes;
}

void control_send(struct transport *t, struct slice frame)
{
	struct msg *m = msg_new_private(MSG_BYTES, frame, MSG_CONTROL);

	/* transport_send() has the answer for a queue that is full. */
	if (t->closing || t->kicked || t->q.count == 0 || !control_fits(t, m)) {
		transport_send(t, m);
	} else {
		control_overtake(t, m);
		t->hub->pushed_this_tick++;
		transport_mark_dirty(t);
	}
	msg_unref(m);
}

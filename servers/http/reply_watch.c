/* SPDX-License-Identifier: MIT */
#include "servers/http/reply_watch.h"

#include "servers/core/transport.h"

#define LOOKS 4 /* in the shorter one of the times */

/*
 * The bytes of the queue up to the end of its last control frame: those are in
 * front, but for a first message of which a part is sent.
 */
static uint64_t bytes_to_control(const struct transport *t)
{
	uint64_t sum = 0, end = 0;

	for (uint32_t i = 0; i < t->q.count; i++) {
		const struct msg *m = outq_at(&t->q, i);
		const bool control = (m->flags & MSG_CONTROL) != 0;

		if (i > 0 && !control)
			break;
		sum += msg_frame(outq_at(&t->q, i), t->format).n;
		if (control)
			end = sum;
	}
	return end > t->q.offset ? end - t->q.offset : 0;
}

uint64_t reply_watch_begin(struct reply_watch *w, const struct transport *t,
			   const struct conn *c,
			   const struct reply_times *times, uint64_t now_ms)
{
	const bool clear = t->q.count <= 1 && conn_unacked(c) == 0;
	const uint64_t shorter = times->timeout_ms < times->stopped_ms
					 ? times->timeout_ms
					 : times->stopped_ms;

	*w = (struct reply_watch){
		.arrived = transport_arrived(t, c),
		.looked_ms = now_ms,
		.moved_ms = now_ms,
		.timeout_ms = (uint32_t)times->timeout_ms,
		.look_ms = (uint32_t)(shorter / LOOKS + 1),
	};
	if (clear)
		return w->timeout_ms;
	/* Where the queue ends is not worth encoding all of it. */
	w->end = t->closing ? UINT64_MAX : t->written + bytes_to_control(t);
	return w->timeout_ms < w->look_ms ? w->timeout_ms : w->look_ms;
}

uint64_t reply_watch_look(struct reply_watch *w, const struct transport *t,
			  const struct conn *c, uint64_t now_ms, bool unheard)
{
	const uint64_t arrived = transport_arrived(t, c);
	const uint64_t timeout = w->timeout_ms;
	uint64_t left;

	if (arrived > w->arrived && (unheard || arrived < w->end))
		w->moved_ms = now_ms;
	else if (arrived >= w->end && w->arrived < w->end)
		w->moved_ms = w->looked_ms; /* at the earliest */
	w->arrived = arrived;
	w->looked_ms = now_ms;
	if (now_ms - w->moved_ms >= timeout)
		return 0;
	left = timeout - (now_ms - w->moved_ms);
	return left < w->look_ms ? left : w->look_ms;
}

/* SPDX-License-Identifier: MIT */
#include "servers/core/transport.h"

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/core/join.h"
#include "servers/core/slow.h"

/* At most so many bytes go into one joined copy or one writev. */
#define TRANSPORT_WRITE_MAX ((size_t)256 * 1024)

void transport_init(struct transport *t, const struct transport_ops *ops,
		    struct hub *hub, struct backend_stats *stats,
		    enum wire_format format)
{
	*t = (struct transport){.ops = ops, .hub = hub, .stats = stats};
	t->format = (uint8_t)format;
	list_init(&t->dirty);
	outq_init(&t->q);
}

void transport_release(struct transport *t)
{
	list_remove(&t->dirty);
	outq_release(&t->q);
	t->kicked = true;
}

void transport_mark_dirty(struct transport *t)
{
	if (list_linked(&t->dirty))
		return;
	list_append(&t->hub->dirty, &t->dirty);
	hub_wake(t->hub);
}

/*
 * A queue may fill within one tick because much came in, not because its
 * reader is slow: what it holds is offered to the peer before m is judged.
 */
static bool transport_make_room(struct transport *t, struct msg *m)
{
	if (t->kicked || t->making_room)
		return false;
	t->making_room = true;
	t->ops->flush(t);
	t->making_room = false;
	return !t->kicked &&
	       outq_push(&t->q, &t->hub->options.queue, m) == ERR_OK;
}

/* m found no place in the queue. */
static void transport_overflow(struct transport *t, struct msg *m)
{
	const struct hub_options *o = &t->hub->options;
	enum err e = ERR_LIMIT;

	if (transport_make_room(t, m))
		e = ERR_OK;
	else if (t->kicked)
		return;
	else if (!msg_droppable(m) || (m->flags & MSG_VOLATILE))
		t->stats->dropped++;
	else
		e = slow_push(&t->q, &o->queue, o->slow, t->reordered, m,
			      &t->stats->dropped);
	if (e == ERR_OK)
		transport_mark_dirty(t);
	else if (!(m->flags & MSG_VOLATILE))
		transport_kick(t, KICK_SLOW);
}

void transport_send(struct transport *t, struct msg *m)
{
	if (t->closing || (t->kicked && !(m->flags & MSG_CLOSES)))
		return;
	if ((m->flags & MSG_VOLATILE) && transport_behind(t)) {
		t->stats->dropped++;
		return;
	}
	if (outq_push(&t->q, &t->hub->options.queue, m) != ERR_OK) {
		transport_overflow(t, m);
		return;
	}
	t->closing = (m->flags & MSG_CLOSES) != 0;
	t->hub->pushed_this_tick++;
	transport_mark_dirty(t);
}

void transport_send_private(struct transport *t, enum msg_kind kind,
			    struct slice payload, unsigned flags)
{
	struct msg *m = msg_new_private(kind, payload, flags);

	m->encoder = &t->hub->encoder;
	transport_send(t, m);
	msg_unref(m);
}

void transport_kick(struct transport *t, enum kick_reason why)
{
	if (t->kicked)
		return;
	t->kicked = true;
	t->ops->kick(t, why);
	transport_mark_dirty(t);
}

static void transport_wrote(struct transport *t, size_t n)
{
	t->written += n;
	t->stats->bytes_out += n;
}

/* Fills iov with what is due; returns the bytes, *count the messages. */
static size_t transport_gather(const struct transport *t, struct iovec *iov,
			       unsigned *count)
{
	const struct outq *q = &t->q;
	size_t total = 0, skip = q->offset;
	unsigned n;

	for (n = 0; n < q->count && n < JOIN_MESSAGES; n++) {
		struct slice frame = msg_frame(outq_at(q, n), t->format);

		if (n && total + frame.n > TRANSPORT_WRITE_MAX)
			break;
		iov[n].iov_base = (void *)(uintptr_t)(frame.p + skip);
		iov[n].iov_len = frame.n - skip;
		total += frame.n - skip;
		skip = 0;
	}
	*count = n;
	return total;
}

/* Writes several messages; *due is what should have gone. */
static enum err transport_write_many(struct transport *t, struct conn *c,
				     size_t *due, unsigned *count,
				     size_t *wrote)
{
	struct iovec iov[JOIN_MESSAGES];
	struct joined j;

	if (!t->q.offset && join_shared(t->hub->joins, &t->q, t->format,
					TRANSPORT_WRITE_MAX, &j)) {
		*due = j.bytes.n;
		*count = j.count;
		return conn_write(c, j.bytes.p, j.bytes.n, wrote);
	}
	*due = transport_gather(t, iov, count);
	return conn_writev(c, iov, (int)*count, wrote);
}

/* Writes until the queue is empty or the stream takes no more. */
static enum err transport_write_queue(struct transport *t, struct conn *c)
{
	struct outq *q = &t->q;

	while (q->count && !c->blocked) {
		size_t due, wrote = 0;
		unsigned count = 1;
		enum err e;

		if (q->count == 1) {
			struct slice f = msg_frame(outq_at(q, 0), t->format);

			due = f.n - q->offset;
			e = conn_write(c, f.p + q->offset, due, &wrote);
		} else {
			e = transport_write_many(t, c, &due, &count, &wrote);
		}
		if (e != ERR_OK)
			return e;
		transport_wrote(t, wrote);
		if (wrote < due) {
			t->stats->delivered +=
				outq_advance(q, t->format, wrote);
			return ERR_OK;
		}
		t->stats->delivered += outq_drop(q, count);
	}
	return ERR_OK;
}

enum err transport_write(struct transport *t, struct conn *c, bool *closes)
{
	struct outq *q = &t->q;
	struct msg *m;
	struct slice frame;
	size_t wrote = 0;
	enum err e;

	/* One message in flight is the common case, and has a short way. */
	if (q->count != 1 || q->ring || q->offset || c->blocked) {
		e = transport_write_queue(t, c);
		*closes = e == ERR_OK && transport_finished(t);
		return e;
	}
	*closes = false;
	m = outq_at(q, 0);
	frame = msg_frame(m, t->format);
	e = conn_write(c, frame.p, frame.n, &wrote);
	if (e != ERR_OK)
		return e;
	transport_wrote(t, wrote);
	if (wrote < frame.n) {
		q->offset = (uint32_t)wrote;
		return ERR_OK;
	}
	t->stats->delivered += m->kind == MSG_EVENT;
	*closes = t->closing;
	outq_drop_only(q);
	return ERR_OK;
}

void transport_join(struct transport *t, size_t max_bytes, struct joined *out)
{
	CHECK(t->q.count > 0 && t->q.offset == 0);
	join_any(t->hub->joins, &t->q, t->format, max_bytes, out);
}

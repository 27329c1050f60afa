/* SPDX-License-Identifier: MIT */
/*
 * A transport's bounded queue of message references. It starts without
 * memory of its own (two messages fit inside) and gives its memory back
 * whenever it runs empty, so that an idle connection owns none.
 *
 * `offset` counts the bytes of the first message's frame that are sent
 * already: a half-sent frame is never dropped and keeps its format.
 */
#ifndef SERVERS_CORE_OUTQ_H
#define SERVERS_CORE_OUTQ_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/core/msg.h"

#define OUTQ_INLINE 2

struct outq {
	struct msg **ring; /* NULL: the messages are in `few` */
	struct msg *few[OUTQ_INLINE];
	uint32_t head, count, cap; /* cap: of ring or few; a power of two */
	uint32_t offset;
	uint64_t bytes; /* sum of msg->size */
};

/*
 * Both bounds count everything queued; `bytes` counts a message as its payload
 * and its frame (see msg->size), as if nobody else held it.
 */

struct outq_limits {
	uint32_t messages;
	uint64_t bytes;
};

void outq_init(struct outq *q);
void outq_release(struct outq *q); /* drops the references */

/*
 * Appends a reference of its own. ERR_LIMIT when a published event would
 * exceed the limits (the queue is unchanged); what is addressed to one
 * transport is bounded by twice the limits, not counting the bytes of the
 * first message, so that a slow reader of events, or of one that is larger
 * than the limits, still gets its answers but a flood of pings cannot grow
 * memory. An empty queue takes any one message, and a message with MSG_CLOSES
 * is always taken.
 */
MUST_USE enum err outq_push(struct outq *q, const struct outq_limits *limits,
			    struct msg *m);
/*
 * `sent` more bytes of the frames in `format` went out: drops what is
 * done, remembers the offset in the frame that is not.
 * Returns how many events (not private messages) were completed.
 */
unsigned outq_advance(struct outq *q, enum wire_format format, size_t sent);
/* Drops the first n messages, which were sent whole. */
unsigned outq_drop(struct outq *q, unsigned n);
/*
 * Puts a reference of its own before the i-th message, which is not one that is
 * sent in part, or behind the last. Limits are the caller's to look at.
 */
void outq_insert(struct outq *q, uint32_t i, struct msg *m);
/*
 * Takes the i-th message out, which is not the only one, and not the first
 * when part of that is sent.
 */
void outq_remove(struct outq *q, uint32_t i);
/* Leaves only the first `count` messages, at least one. */
void outq_cut(struct outq *q, uint32_t count);

/* Whether outq_push() would take m. */
bool outq_fits(const struct outq *q, const struct outq_limits *limits,
	       const struct msg *m);

/* The i-th message from the front. */
static inline struct msg *outq_at(const struct outq *q, uint32_t i)
{
	return q->ring ? q->ring[(q->head + i) & (q->cap - 1)]
		       : q->few[(q->head + i) & (OUTQ_INLINE - 1)];
}

/* Where that is. Who puts another one there keeps `bytes` right. */
static inline struct msg **outq_place(struct outq *q, uint32_t i)
{
	struct msg **at = q->ring ? q->ring : q->few;

	return &at[(q->head + i) & (q->cap - 1)];
}

/* Puts m, a reference that the queue takes over, where there is a place. */
static inline void outq_put(struct outq *q, struct msg *m)
{
	struct msg **at = q->ring ? q->ring : q->few;

	at[(q->head + q->count) & (q->cap - 1)] = m;
	q->count++;
	q->bytes += m->size;
}

/* Drops the one message of a queue that has no ring. */
static inline void outq_drop_only(struct outq *q)
{
	struct msg *m = outq_at(q, 0);

	q->head = 0;
	q->count = 0;
	q->offset = 0;
	q->bytes = 0;
	msg_unref(m);
}

/*
 * The fan-out's part of outq_push() for events: false when the queue must grow
 * or is full, and outq_push() decides. Takes over a reference when true.
 */
static inline bool
outq_put_event(struct outq *q, const struct outq_limits *limits, struct msg *m)
{
	if (q->count == q->cap || q->count >= limits->messages ||
	    q->bytes + m->size > limits->bytes)
		return false;
	outq_put(q, m);
	return true;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "servers/core/slow.h"

#include <string.h>

#include "servers/base/check.h"
#include "servers/core/gap.h"

/* No place in the queue. */
#define SLOW_NONE UINT32_MAX

static const char *const slow_names[] = {
	[SLOW_DISCONNECT] = "disconnect",
	[SLOW_DROP_OLDEST] = "drop-oldest",
	[SLOW_DROP_NEWEST] = "drop-newest",
	[SLOW_LATEST] = "latest",
};

const char *slow_name(enum slow_policy policy)
{
	return slow_names[policy];
}

bool slow_parse(const char *name, enum slow_policy *out)
{
	for (int i = 0; i < SLOW_COUNT; i++) {
		if (strcmp(slow_names[i], name) == 0) {
			*out = (enum slow_policy)i;
			return true;
		}
	}
	return false;
}

/* One call of slow_push(). */
struct slow {
	struct outq *q;
	uint32_t start; /* what is before it may be on its way already */
	bool strict;
	uint64_t *dropped;
};

/* Whether m counts in the same room as `other`: an event or a gap there. */
static bool slow_same_room(const struct msg *m, const struct msg *other)
{
	return (m->kind == MSG_GAP || msg_droppable(m)) &&
	       slice_eq(m->room, other->room) && slice_eq(m->nsp, other->nsp);
}

/* Whether a gap, if that is what m is, may go on with the number `seq`. */
static bool slow_extends(const struct slow *s, const struct msg *m,
			 uint64_t seq)
{
	if (m->kind != MSG_GAP || m->seq == 0)
		return false;
	return s->strict ? m->seq + 1 == seq : m->seq < seq;
}

/* The latest place before `end` that counts in m's room. */
static uint32_t slow_before(const struct slow *s, uint32_t end,
			    const struct msg *m)
{
	for (uint32_t i = end; i > s->start; i--)
		if (slow_same_room(outq_at(s->q, i - 1), m))
			return i - 1;
	return SLOW_NONE;
}

/* The first place from `from` on that counts in m's room. */
static uint32_t slow_after(const struct slow *s, uint32_t from,
			   const struct msg *m)
{
	for (uint32_t i = from; i < s->q->count; i++)
		if (slow_same_room(outq_at(s->q, i), m))
			return i;
	return SLOW_NONE;
}

/* Puts m, a reference that the queue takes over, in place of another. */
static void slow_replace(struct slow *s, uint32_t at, struct msg *m)
{
	struct msg **place = outq_place(s->q, at);

	s->q->bytes += m->size;
	s->q->bytes -= (*place)->size;
	msg_unref(*place);
	*place = m;
}

static void slow_extend(struct slow *s, uint32_t at, uint64_t to)
{
	gap_extend(outq_place(s->q, at), to);
}

/* Joins the gap at `next` to the one at `gap`, nothing being between them. */
static void slow_join(struct slow *s, uint32_t gap, uint32_t next)
{
	const struct msg *m = outq_at(s->q, next);

	if (m->kind != MSG_GAP || m->first == 0 ||
	    !slow_extends(s, outq_at(s->q, gap), m->first))
		return;
	slow_extend(s, gap, m->seq);
	outq_remove(s->q, next);
}

/* Drops the event at `at`, which a gap tells. */
static void slow_drop(struct slow *s, uint32_t at)
{
	struct msg *m = msg_ref(outq_at(s->q, at));
	uint32_t gap = slow_before(s, at, m), next = at + 1;

	if (gap != SLOW_NONE && slow_extends(s, outq_at(s->q, gap), m->seq)) {
		slow_extend(s, gap, m->seq);
		outq_remove(s->q, at);
		next = at;
	} else {
		slow_replace(s, at, gap_new(m->nsp, m->room, m->seq, m->seq));
		gap = at;
	}
	next = slow_after(s, next, m);
	if (next != SLOW_NONE)
		slow_join(s, gap, next);
	++*s->dropped;
	msg_unref(m);
}

/* The first event that may be dropped. */
static uint32_t slow_oldest(const struct slow *s)
{
	for (uint32_t i = s->start; i < s->q->count; i++)
		if (msg_droppable(outq_at(s->q, i)))
			return i;
	return SLOW_NONE;
}

/* The event that is not queued at all: its gap comes last. */
static enum err slow_drop_new(struct slow *s, const struct outq_limits *limits,
			      const struct msg *m)
{
	uint32_t gap = slow_before(s, s->q->count, m);
	struct msg *fresh;
	enum err e;

	++*s->dropped;
	if (gap != SLOW_NONE && slow_extends(s, outq_at(s->q, gap), m->seq)) {
		slow_extend(s, gap, m->seq);
		return ERR_OK;
	}
	fresh = gap_new(m->nsp, m->room, m->seq, m->seq);
	e = outq_push(s->q, limits, fresh);
	msg_unref(fresh);
	return e;
}

static enum err slow_drop_oldest(struct slow *s,
				 const struct outq_limits *limits,
				 struct msg *m)
{
	/* Nothing that could be dropped would make room for this one. */
	if (m->size > limits->bytes)
		return slow_drop_new(s, limits, m);
	while (!outq_fits(s->q, limits, m)) {
		uint32_t at = slow_oldest(s);

		if (at == SLOW_NONE)
			return slow_drop_new(s, limits, m);
		slow_drop(s, at);
	}
	return outq_push(s->q, limits, m);
}

/*
 * Drops all events of m's room and name in one pass, as there may be many. The
 * queue keeps its places: what is left moves up, what is over goes at the end.
 */
static void slow_drop_alike(struct slow *s, const struct msg *m)
{
	struct outq *q = s->q;
	uint32_t to = s->start, last = SLOW_NONE;

	for (uint32_t i = s->start; i < q->count; i++) {
		struct msg **place = outq_place(q, i), *queued = *place;
		bool counts = slow_same_room(queued, m);
		bool drop = counts && queued->kind == MSG_EVENT &&
			    slice_eq(queued->event, m->event);
		uint64_t seq =
			queued->kind == MSG_GAP ? queued->first : queued->seq;

		*s->dropped += drop;
		if ((drop || (counts && queued->kind == MSG_GAP && seq)) &&
		    last != SLOW_NONE &&
		    slow_extends(s, outq_at(q, last), seq)) {
			slow_extend(s, last, queued->seq);
			continue;
		}
		if (drop)
			slow_replace(s, i, gap_new(m->nsp, m->room, seq, seq));
		if (counts)
			last = to;
		/* What moves up leaves its reference to what is over. */
		queued = *place;
		*place = outq_at(q, to);
		*outq_place(q, to++) = queued;
	}
	outq_cut(q, to);
}

enum err slow_push(struct outq *q, const struct outq_limits *limits,
		   enum slow_policy policy, bool strict, struct msg *m,
		   uint64_t *dropped)
{
	struct slow s = {.q = q,
			 .start = q->offset ? 1 : 0,
			 .strict = strict,
			 .dropped = dropped};

	CHECK(msg_droppable(m));
	switch (policy) {
	case SLOW_DROP_OLDEST:
		return slow_drop_oldest(&s, limits, m);
	case SLOW_DROP_NEWEST:
		return slow_drop_new(&s, limits, m);
	case SLOW_LATEST:
		slow_drop_alike(&s, m);
		return slow_drop_oldest(&s, limits, m);
	case SLOW_DISCONNECT:
	case SLOW_COUNT:
		break;
	}
	++*dropped;
	return ERR_LIMIT;
}

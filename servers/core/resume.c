/* SPDX-License-Identifier: MIT */
/*
 * Resume: joins rooms and replays what they published since a position, or
 * tells what is lost.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/gap.h"
#include "servers/core/hub.h"
#include "servers/core/nsp.h"
#include "servers/core/session_rooms.h"
#include "servers/wire/envelope.h"

/* One room's share of a resume. */
struct resume_room {
	uint32_t slot;	     /* in session->rooms */
	uint32_t first, end; /* what to replay, in the room's history */
	bool gap;
	uint64_t from, to; /* of the gap */
};

struct resume {
	struct session *s;
	bool known; /* the position is one of this node's life */
	uint64_t position;
	uint32_t joined_from; /* memberships from this slot on are new */
	struct resume_room *rooms;
	size_t count;
	size_t messages, gaps;
	uint64_t bytes;
};

/* A room may be named twice. */
static bool resume_has_slot(const struct resume *r, uint32_t slot)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->rooms[i].slot == slot)
			return true;
	return false;
}

static enum err resume_join(struct resume *r, const struct slice *names,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t fresh = r->s->room_count, slot = 0;
		enum err e = session_join(r->s, names[i], &slot);

		if (e != ERR_OK)
			return e;
		if (slot == fresh || !resume_has_slot(r, slot))
			r->rooms[r->count++].slot = slot;
	}
	return ERR_OK;
}

static void resume_undo(struct resume *r)
{
	while (r->s->room_count > r->joined_from)
		session_leave_slot(r->s, r->s->room_count - 1);
}

/*
 * The numbers that are lost, at least: of the positions between the client's
 * and the floor, each may have been this room's, and none can have been more.
 */
static void resume_find_gap(const struct resume *r, struct resume_room *rr,
			    const struct room *room)
{
	uint64_t span = room->floor - r->position;
	uint64_t gone = room->seq - room->history_count;

	rr->gap = true;
	if (!r->known) {
		rr->from = room->seq ? 1 : 0;
		rr->to = room->seq;
		return;
	}
	rr->to = gone;
	rr->from = gone > span ? gone - span + 1 : 1;
	if (gone == 0)
		rr->from = 0; /* lost with a room that is forgotten */
}

static void resume_measure(struct resume *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct resume_room *rr = &r->rooms[i];
		const struct membership *ms = &r->s->rooms[rr->slot];
		const struct room *room = ms->room;

		if (!r->known ||
		    (r->position < ms->since && r->position < room->floor)) {
			resume_find_gap(r, rr, room);
			r->gaps++;
		}
		if (!r->known || r->position >= ms->since)
			continue;
		rr->first = room_history_after(room, r->position);
		rr->end = room_history_after(room, ms->since);
		r->messages += rr->end - rr->first;
		for (uint32_t k = rr->first; k < rr->end; k++)
			r->bytes += room_history(room, k)->size;
	}
}

static bool resume_fits(const struct resume *r)
{
	const struct outq *q = &r->s->transport->q;
	const struct outq_limits *l = &r->s->nsp->hub->options.queue;
	/* A gap message is small: a room's name of up to 255 bytes, escaped. */
	uint64_t gap_bytes = r->gaps * (sizeof(struct msg) + 2048);

	/* Gaps alone go as all that is for one client: it is slow or not. */
	if (r->messages == 0)
		return true;
	return q->count + r->gaps + r->messages <= l->messages &&
	       q->bytes + gap_bytes + r->bytes <= l->bytes;
}

static void resume_send_gap(const struct session *s,
			    const struct resume_room *rr)
{
	struct msg *gap = gap_new(s->nsp->name, s->rooms[rr->slot].room->name,
				  rr->from, rr->to);

	transport_send(s->transport, gap);
	msg_unref(gap);
}

static int session_by_position(const void *a, const void *b)
{
	const struct msg *const *x = a, *const *y = b;

	return ((*x)->position > (*y)->position) -
	       ((*x)->position < (*y)->position);
}

void session_replay(struct session *s, struct msg **messages, size_t n)
{
	qsort(messages, n, sizeof(struct msg *), session_by_position);
	for (size_t i = 0; i < n; i++)
		transport_send(s->transport, messages[i]);
}

/* What all the rooms have to replay. */
static void resume_replay(const struct resume *r)
{
	struct msg **all = xmalloc((r->messages + 1) * sizeof(struct msg *));
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct resume_room *rr = &r->rooms[i];

		for (uint32_t k = rr->first; k < rr->end; k++)
			all[n++] = room_history(r->s->rooms[rr->slot].room, k);
	}
	session_replay(r->s, all, n);
	free(all);
}

static void resume_send(const struct resume *r)
{
	struct session *s = r->s;

	for (size_t i = 0; i < r->count; i++) {
		const struct resume_room *rr = &r->rooms[i];

		if (rr->gap)
			resume_send_gap(s, rr);
	}
	resume_replay(r);
	for (size_t i = 0; i < r->count; i++) {
		struct membership *ms = &s->rooms[r->rooms[i].slot];

		/* Later numbers than these may be queued before them. */
		if (r->rooms[i].slot < r->joined_from &&
		    (r->rooms[i].gap || r->rooms[i].first < r->rooms[i].end))
			s->transport->reordered = true;
		if (r->known && r->position < ms->since)
			ms->since = r->position;
	}
}

enum err hub_resume(struct session *s, struct slice epoch, uint64_t position,
		    const struct slice *rooms, size_t count)
{
	struct hub *h = s->nsp->hub;
	struct resume r = {
		.s = s,
		.known = slice_is(epoch, h->epoch) && position <= h->position,
		.position = position,
		.joined_from = s->room_count,
	};
	enum err e;

	for (size_t i = 0; i < count; i++)
		if (!envelope_name_valid(rooms[i]))
			return ERR_USAGE;
	if (count > h->options.max_rooms_per_session)
		return ERR_LIMIT;
	r.rooms = xcalloc(count + 1, sizeof(*r.rooms));
	e = resume_join(&r, rooms, count);
	if (e == ERR_OK) {
		resume_measure(&r);
		if (!resume_fits(&r))
			e = ERR_LIMIT;
	}
	if (e == ERR_OK)
		resume_send(&r);
	else
		resume_undo(&r);
	free(r.rooms);
	return e;
}

/* SPDX-License-Identifier: MIT */
#include "servers/core/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/core/hub.h"
#include "servers/core/nsp.h"
#include "servers/core/session_rooms.h"

/* First in the name of a session's own room: no client can write it. */
#define OWN_ROOM_MARK '\x01'

/*
 * A room of a session that was cut off. `last` is the position of the room's
 * latest message then: a client that has that one has missed nothing up to
 * the cut, whatever became of the room since.
 */
struct note_room {
	struct slice name;
	uint64_t since, last;
};

struct note {
	struct list link; /* in recovery->by_age */
	uint64_t expires_ms;
	uint64_t position; /* of the node, at the cut */
	size_t bytes;
	struct slice nsp;
	char pid[SESSION_SID_CHARS + 1];
	char id[SESSION_ID_CHARS + 1];
	uint32_t room_count;
	struct note_room rooms[];
};

static struct recovery *recovery_of(const struct session *s)
{
	return &s->nsp->hub->recovery;
}

/* Notes */

static void note_drop(struct recovery *r, struct note *n)
{
	(void)map_remove(&r->notes, slice_str(n->pid));
	list_remove(&n->link);
	r->bytes -= n->bytes;
	free(n);
}

static struct note *note_oldest(struct recovery *r)
{
	return list_empty(&r->by_age)
		       ? NULL
		       : list_entry(r->by_age.next, struct note, link);
}

static void recovery_arm(struct recovery *r)
{
	const struct note *n = note_oldest(r);
	uint64_t now = wheel_now(r->wheel);

	if (n && !timer_armed(&r->timer))
		timer_arm(r->wheel, &r->timer,
			  n->expires_ms > now ? n->expires_ms - now : 0);
}

static void recovery_expire(struct timer *t)
{
	struct recovery *r = container_of(t, struct recovery, timer);
	struct note *n;

	while ((n = note_oldest(r)) && n->expires_ms <= wheel_now(r->wheel))
		note_drop(r, n);
	recovery_arm(r);
}

static uint64_t room_last(const struct room *r)
{
	return r->history_count
		       ? room_history(r, r->history_count - 1)->position
		       : r->floor;
}

static size_t note_measure(const struct session *s)
{
	size_t size = sizeof(struct note) + s->nsp->name.n;

	for (uint32_t i = 0; i < s->room_count; i++)
		size += sizeof(struct note_room) + s->rooms[i].room->name.n;
	return size;
}

static struct slice note_copy(char **at, struct slice text)
{
	struct slice copy = {*at, text.n};

	if (text.n)
		memcpy(*at, text.p, text.n);
	*at += text.n;
	return copy;
}

static struct note *note_new(const struct session *s)
{
	size_t size = note_measure(s);
	struct note *n = xcalloc(1, size);
	char *at = (char *)&n->rooms[s->room_count];

	n->bytes = size;
	n->position = s->nsp->hub->position;
	n->nsp = note_copy(&at, s->nsp->name);
	memcpy(n->pid, s->pid, sizeof(n->pid));
	memcpy(n->id, s->id, sizeof(n->id));
	n->room_count = s->room_count;
	for (uint32_t i = 0; i < s->room_count; i++) {
		const struct membership *ms = &s->rooms[i];

		n->rooms[i].name = note_copy(&at, ms->room->name);
		n->rooms[i].since = ms->since;
		n->rooms[i].last = room_last(ms->room);
	}
	return n;
}

static void recovery_note(struct session *s)
{
	struct recovery *r = recovery_of(s);
	struct note *n = note_new(s);

	list_init(&n->link);
	n->expires_ms = wheel_now(r->wheel) + r->window_ms;
	(void)map_put(&r->notes, slice_str(n->pid), n);
	list_append(&r->by_age, &n->link);
	r->bytes += n->bytes;
	while (r->notes.count > RECOVERY_NOTES_MAX ||
	       r->bytes > RECOVERY_BYTES_MAX)
		note_drop(r, note_oldest(r));
	recovery_arm(r);
}

static void recovery_forget(struct session *s)
{
	(void)map_remove(&recovery_of(s)->live, slice_str(s->pid));
	free(s->pid);
	s->pid = NULL;
}

/* Coming back */

/* Cuts "<epoch>-<position>"; false when this node has not given it. */
static bool offset_parse(const struct hub *h, struct slice offset,
			 uint64_t *position)
{
	size_t epoch = strlen(h->epoch);
	uint64_t value = 0;

	if (offset.n < epoch + 2 || offset.n > epoch + 20 ||
	    memcmp(offset.p, h->epoch, epoch) != 0 || offset.p[epoch] != '-')
		return false;
	for (size_t i = epoch + 1; i < offset.n; i++) {
		if (offset.p[i] < '0' || offset.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(offset.p[i] - '0');
	}
	*position = value;
	return value <= h->position;
}

/* Up to where the client has certainly all that the room gave it. */
static uint64_t note_cursor(const struct note *n, const struct note_room *nr,
			    uint64_t position)
{
	uint64_t cursor = position > nr->since ? position : nr->since;

	return nr->last <= cursor && n->position > cursor ? n->position
							  : cursor;
}

static void recovery_leave(struct session *s)
{
	while (s->room_count)
		session_leave_slot(s, s->room_count - 1);
}

/* Into the rooms, if all can tell what they had since. */
static bool recovery_join(struct session *s, const struct note *n,
			  uint64_t position)
{
	for (uint32_t i = 0; i < n->room_count; i++) {
		uint64_t cursor = note_cursor(n, &n->rooms[i], position);
		struct room *r;

		if (nsp_open_room(s->nsp, n->rooms[i].name, &r) != ERR_OK)
			return false;
		session_enter(s, r, cursor);
		if (r->floor > cursor)
			return false;
	}
	return true;
}

static bool recovery_missed(const struct session *s, const struct msg *m)
{
	return msg_recoverable(m) &&
	       !((m->flags & MSG_NOT_SELF) && slice_eq(m->from, session_id(s)));
}

/* Queues what came after the memberships' cursors, if the queue takes all. */
static bool recovery_replay(struct session *s)
{
	const struct outq_limits *l = &s->nsp->hub->options.queue;
	struct outq *q = &s->transport->q;
	uint64_t bytes = q->bytes;
	struct msg **missed;
	size_t n = 0, max = 1;
	bool fits;

	for (uint32_t i = 0; i < s->room_count; i++)
		max += s->rooms[i].room->history_count;
	missed = xmalloc(max * sizeof(struct msg *));
	for (uint32_t i = 0; i < s->room_count; i++) {
		const struct room *r = s->rooms[i].room;
		uint32_t k = room_history_after(r, s->rooms[i].since);

		for (; k < r->history_count; k++) {
			struct msg *m = room_history(r, k);

			if (!recovery_missed(s, m))
				continue;
			missed[n++] = m;
			bytes += m->size;
		}
	}
	fits = q->count + n <= l->messages && bytes <= l->bytes;
	if (fits)
		session_replay(s, missed, n);
	free(missed);
	return fits;
}

/*
 * The client may be back before its old connection is found dead: that one's
 * place is taken, and it ends.
 */
static void recovery_take_over(struct session *old)
{
	recovery_note(old);
	recovery_forget(old);
	recovery_leave(old);
	transport_kick(old->transport, KICK_TIMEOUT);
}

static struct note *recovery_find(const struct session *s, struct slice pid)
{
	struct recovery *r = recovery_of(s);
	struct session *old = map_get(&r->live, pid);
	struct note *n;

	if (old && old->nsp == s->nsp && old->transport != s->transport)
		recovery_take_over(old);
	n = map_get(&r->notes, pid);
	return n && slice_eq(n->nsp, s->nsp->name) ? n : NULL;
}

static bool recovery_restore(struct session *s, const struct connect_info *info)
{
	char fresh[SESSION_ID_CHARS + 1];
	uint64_t position;
	struct note *n;

	if (!offset_parse(s->nsp->hub, info->offset, &position))
		return false;
	n = recovery_find(s, info->pid);
	if (!n)
		return false;
	memcpy(fresh, s->id, sizeof(fresh));
	memcpy(s->id, n->id, sizeof(s->id));
	s->recovered = recovery_join(s, n, position) && recovery_replay(s);
	if (s->recovered) {
		memcpy(s->pid, n->pid, sizeof(n->pid));
	} else {
		recovery_leave(s);
		memcpy(s->id, fresh, sizeof(fresh));
	}
	note_drop(recovery_of(s), n);
	return s->recovered;
}

/* Life cycle */

void recovery_init(struct recovery *r, struct wheel *wheel, uint64_t window_ms)
{
	*r = (struct recovery){.window_ms = window_ms, .wheel = wheel};
	map_init(&r->live);
	map_init(&r->notes);
	list_init(&r->by_age);
	timer_init(&r->timer, recovery_expire);
}

void recovery_release(struct recovery *r)
{
	struct note *n;

	CHECK(r->live.count == 0);
	while ((n = note_oldest(r)))
		note_drop(r, n);
	timer_cancel(&r->timer);
	map_release(&r->notes);
	map_release(&r->live);
}

/* Operations */

void recovery_begin(struct session *s, const struct connect_info *info)
{
	struct recovery *r = recovery_of(s);

	if (!r->window_ms || !info->recovers)
		return;
	s->pid = xmalloc(SESSION_SID_CHARS + 1);
	random_id(s->pid, SESSION_SID_CHARS);
	if (info->pid.n && info->offset.n)
		(void)recovery_restore(s, info);
	(void)map_put(&r->live, slice_str(s->pid), s);
}

/*
 * Those of the reference server: links that break, or that are ended for a
 * broken protocol. Who says goodbye has nothing to come back to.
 */
static bool reason_is_cut(const char *reason)
{
	static const char *const cuts[] = {
		"transport error",	"transport close",
		"forced close",		"ping timeout",
		"server shutting down", "forced server close",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++)
		if (strcmp(reason, cuts[i]) == 0)
			return true;
	return false;
}

void recovery_end(struct session *s, const char *reason)
{
	if (!s->pid)
		return;
	if (reason_is_cut(reason))
		recovery_note(s);
	recovery_forget(s);
}

void recovery_record(struct session *s, struct msg *m)
{
	struct hub *h = s->nsp->hub;
	char name[SESSION_ID_CHARS + 1];
	struct room *r;
	uint32_t slot;

	if (!s->pid)
		return;
	name[0] = OWN_ROOM_MARK;
	memcpy(name + 1, s->id, SESSION_ID_CHARS);
	if (nsp_open_room(s->nsp, slice_of(name, sizeof(name)), &r) != ERR_OK)
		return; /* at the limit of rooms it goes without an offset */
	if (!room_has(r, s, &slot))
		session_enter(s, r, h->position);
	m->encoder = &h->encoder;
	m->position = ++h->position;
	room_record(r, m, &h->options.history);
	m->seq = 0; /* that room is nobody's to hear of */
}

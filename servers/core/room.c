/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/room.h"

#define ROOM_FIRST_MEMBERS 4
#define ROOM_FIRST_HISTORY 8

struct room *room_new(struct nsp *nsp, struct slice name)
{
	struct room *r = xcalloc(1, sizeof(*r) + name.n);
	char *copy = (char *)(r + 1);

	if (name.n)
		memcpy(copy, name.p, name.n);
	r->nsp = nsp;
	r->name = slice_of(copy, name.n);
	list_init(&r->idle);
	return r;
}

static void room_forget_oldest(struct room *r)
{
	struct msg *m = r->history[r->history_head];

	r->history_head = (r->history_head + 1) & (r->history_cap - 1);
	r->history_count--;
	r->history_bytes -= m->size;
	r->floor = m->position;
	msg_unref(m);
}

void room_free(struct room *r)
{
	if (!r)
		return;
	CHECK(r->count == 0);
	while (r->history_count)
		room_forget_oldest(r);
	list_remove(&r->idle);
	free(r->history);
	free(r->members);
	free(r);
}

bool room_has(const struct room *r, const struct session *s, uint32_t *slot)
{
	/* Whichever list is the shorter one: both know the other's place. */
	if (r->count < s->room_count) {
		for (uint32_t i = 0; i < r->count; i++) {
			if (r->members[i].session == s) {
				*slot = r->members[i].slot;
				return true;
			}
		}
		return false;
	}
	for (uint32_t i = 0; i < s->room_count; i++) {
		if (s->rooms[i].room == r) {
			*slot = i;
			return true;
		}
	}
	return false;
}

void room_add(struct room *r, struct session *s, uint64_t since)
{
	if (r->count == r->cap) {
		r->cap = r->cap ? r->cap * 2 : ROOM_FIRST_MEMBERS;
		r->members = xrealloc(r->members, r->cap * sizeof(*r->members));
	}
	if (s->room_count == s->room_cap) {
		s->room_cap = s->room_cap ? s->room_cap * 2 : 1;
		s->rooms = xrealloc(s->rooms, s->room_cap * sizeof(*s->rooms));
	}
	s->rooms[s->room_count] = (struct membership){
		.room = r, .index = r->count, .since = since};
	r->members[r->count] =
		(struct member){.session = s, .slot = s->room_count};
	s->room_count++;
	r->count++;
}

static void room_shrink(struct room *r)
{
	if (r->count == 0) {
		free(r->members);
		r->members = NULL;
		r->cap = 0;
	} else if (r->cap > ROOM_FIRST_MEMBERS && r->count <= r->cap / 4) {
		r->cap /= 2;
		r->members = xrealloc(r->members, r->cap * sizeof(*r->members));
	}
}

void room_remove(struct room *r, struct session *s, uint32_t slot)
{
	uint32_t index = s->rooms[slot].index;

	CHECK(s->rooms[slot].room == r && r->members[index].session == s);
	/* The last one of each list moves to the place that came free. */
	r->count--;
	if (index != r->count) {
		struct member *moved = &r->members[index];

		*moved = r->members[r->count];
		moved->session->rooms[moved->slot].index = index;
	}
	s->room_count--;
	if (slot != s->room_count) {
		struct membership *moved = &s->rooms[slot];

		*moved = s->rooms[s->room_count];
		moved->room->members[moved->index].slot = slot;
	}
	room_shrink(r);
	if (s->room_count == 0) {
		free(s->rooms);
		s->rooms = NULL;
		s->room_cap = 0;
	}
}

static void room_grow_history(struct room *r)
{
	uint32_t cap = r->history_cap ? r->history_cap * 2 : ROOM_FIRST_HISTORY;
	struct msg **history = xmalloc(cap * sizeof(struct msg *));

	for (uint32_t i = 0; i < r->history_count; i++)
		history[i] = room_history(r, i);
	free(r->history);
	r->history = history;
	r->history_cap = cap;
	r->history_head = 0;
}

void room_record(struct room *r, struct msg *m, const struct room_limits *l)
{
	uint32_t end;

	m->seq = ++r->seq;
	while (r->history_count &&
	       (r->history_count >= l->history_messages ||
		r->history_bytes + m->size > l->history_bytes))
		room_forget_oldest(r);
	if (l->history_messages == 0 || m->size > l->history_bytes) {
		r->floor = m->position;
		return;
	}
	if (r->history_count == r->history_cap)
		room_grow_history(r);
	end = (r->history_head + r->history_count) & (r->history_cap - 1);
	r->history[end] = msg_ref(m);
	r->history_count++;
	r->history_bytes += m->size;
}

struct msg *room_history(const struct room *r, uint32_t i)
{
	CHECK(i < r->history_count);
	return r->history[(r->history_head + i) & (r->history_cap - 1)];
}

uint32_t room_history_after(const struct room *r, uint64_t position)
{
	uint32_t low = 0, high = r->history_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (room_history(r, middle)->position > position)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

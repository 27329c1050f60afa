/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "servers/base/random.h"
#include "servers/core/room.h"

static struct msg *event(uint64_t position)
{
	struct msg_event e = {
		.nsp = SLICE("/"), .room = SLICE("r"), .event = SLICE("e")};
	struct msg *m = msg_new_event(&e);

	m->position = position;
	return m;
}

static void record(struct room *r, uint64_t position,
		   const struct room_limits *l)
{
	struct msg *m = event(position);

	room_record(r, m, l);
	cr_assert_eq(m->seq, r->seq);
	msg_unref(m);
}

#define ROOMS 8
#define SESSIONS 12

/* Each membership must know its place in the other list. */
static void check_places(struct room **rooms, struct session *sessions)
{
	for (int i = 0; i < ROOMS; i++) {
		for (uint32_t k = 0; k < rooms[i]->count; k++) {
			struct member *m = &rooms[i]->members[k];

			cr_assert_eq(m->session->rooms[m->slot].room, rooms[i]);
			cr_assert_eq(m->session->rooms[m->slot].index, k);
		}
	}
	for (int i = 0; i < SESSIONS; i++) {
		struct session *s = &sessions[i];

		for (uint32_t k = 0; k < s->room_count; k++)
			cr_assert_eq(s->rooms[k]
					     .room->members[s->rooms[k].index]
					     .session,
				     s);
	}
}

Test(core, memberships_stay_consistent)
{
	struct session sessions[SESSIONS];
	struct room *rooms[ROOMS];
	bool in[ROOMS][SESSIONS] = {{false}};
	struct rng rng;

	rng_seed(&rng, 1);
	memset(sessions, 0, sizeof(sessions));
	for (int i = 0; i < ROOMS; i++)
		rooms[i] = room_new(NULL, SLICE("r"));
	for (int step = 0; step < 4000; step++) {
		uint64_t r = rng_below(&rng, ROOMS);
		uint64_t s = rng_below(&rng, SESSIONS);
		uint32_t slot;
		bool has = room_has(rooms[r], &sessions[s], &slot);

		cr_assert_eq(has, in[r][s]);
		if (has)
			room_remove(rooms[r], &sessions[s], slot);
		else
			room_add(rooms[r], &sessions[s], 0);
		in[r][s] = !has;
		check_places(rooms, sessions);
	}
	for (int i = 0; i < SESSIONS; i++) {
		while (sessions[i].room_count)
			room_remove(sessions[i].rooms[0].room, &sessions[i], 0);
		cr_assert_null(sessions[i].rooms);
	}
	for (int i = 0; i < ROOMS; i++) {
		cr_assert_null(rooms[i]->members);
		room_free(rooms[i]);
	}
}

Test(core, history_is_bounded_by_messages)
{
	const struct room_limits l = {.history_messages = 20,
				      .history_bytes = 1 << 20};
	struct room *r = room_new(NULL, SLICE("r"));

	for (uint64_t i = 1; i <= 50; i++)
		record(r, i * 10, &l);
	cr_assert_eq(r->seq, 50);
	cr_assert_eq(r->history_count, 20);
	cr_assert_eq(r->floor, 300);
	for (uint32_t i = 0; i < 20; i++)
		cr_assert_eq(room_history(r, i)->seq, 31 + i);
	cr_assert_eq(room_history_after(r, 0), 0);
	cr_assert_eq(room_history_after(r, 309), 0);
	cr_assert_eq(room_history_after(r, 310), 1);
	cr_assert_eq(room_history_after(r, 495), 19);
	cr_assert_eq(room_history_after(r, 500), 20);
	room_free(r);
}

Test(core, history_is_bounded_by_bytes)
{
	struct msg *m = event(1);
	const struct room_limits l = {.history_messages = 100,
				      .history_bytes = 3 * (uint64_t)m->size};
	struct room *r = room_new(NULL, SLICE("r"));

	for (uint64_t i = 1; i <= 10; i++)
		record(r, i, &l);
	cr_assert_eq(r->history_count, 3);
	cr_assert_eq(r->history_bytes, l.history_bytes);
	msg_unref(m);
	room_free(r);
}

Test(core, message_larger_than_the_history_leaves_a_floor)
{
	const struct room_limits tiny = {.history_messages = 10,
					 .history_bytes = 10};
	const struct room_limits none = {.history_messages = 0,
					 .history_bytes = 1000};
	struct room *r = room_new(NULL, SLICE("r"));

	record(r, 5, &tiny);
	cr_assert_eq(r->history_count, 0);
	cr_assert_eq(r->floor, 5);
	record(r, 6, &none);
	cr_assert_eq(r->floor, 6);
	cr_assert_eq(r->seq, 2);
	cr_assert_null(r->history);
	room_free(r);
}

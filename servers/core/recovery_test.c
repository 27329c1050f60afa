/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/core/fake_backend.h"
#include "servers/core/recovery.h"

#define WINDOW_MS 1000

struct fixture {
	struct fake_node node;
	struct fake peer;
	struct session *s;
	char pid[SESSION_SID_CHARS + 1], id[SESSION_ID_CHARS + 1];
	char offset[64];
};

static struct session *enter(struct fixture *f, const char *pid,
			     const char *offset)
{
	struct connect_info info = {.nsp = SLICE("/"),
				    .recovers = true,
				    .pid = slice_str(pid),
				    .offset = slice_str(offset)};
	struct refusal why = {NULL, NULL};
	struct session *s = NULL;

	cr_assert_eq(
		hub_connect(f->node.hub, &info, &f->peer.transport, &why, &s),
		ERR_OK);
	return s;
}

static void setup(struct fixture *f, const struct hub_options *options)
{
	struct hub_options o = options ? *options : hub_defaults;

	o.recovery_window_ms = WINDOW_MS;
	fake_node_init(&f->node, &o, NULL);
	fake_init(&f->peer, f->node.hub, FORMAT_EIO_WS);
	f->s = enter(f, NULL, NULL);
	cr_assert_not(f->s->recovered);
	cr_assert_eq(hub_join(f->s, SLICE("a")), ERR_OK);
}

static void teardown(struct fixture *f)
{
	hub_disconnect(f->s, "end");
	fake_release(&f->peer);
	fake_node_release(&f->node);
}

/* The client has everything up to `position`, and its link breaks. */
static void cut(struct fixture *f, uint64_t position, const char *reason)
{
	memcpy(f->pid, f->s->pid, sizeof(f->pid));
	memcpy(f->id, f->s->id, sizeof(f->id));
	snprintf(f->offset, sizeof(f->offset), "%s-%llu", f->node.hub->epoch,
		 (unsigned long long)position);
	hub_disconnect(f->s, reason);
	f->s = NULL;
	fake_node_tick(&f->node, 1);
	fake_clear(&f->peer);
}

static bool back(struct fixture *f)
{
	f->s = enter(f, f->pid, f->offset);
	fake_node_tick(&f->node, 1);
	if (f->s->recovered) {
		cr_assert_str_eq(f->s->id, f->id);
		cr_assert_str_eq(f->s->pid, f->pid);
	} else {
		cr_assert_str_neq(f->s->id, f->id);
		cr_assert_str_neq(f->s->pid, f->pid);
		cr_assert_eq(f->s->room_count, 0);
		cr_assert_eq(f->peer.frames, 0);
	}
	return f->s->recovered;
}

Test(recovery, id_rooms_and_what_was_missed)
{
	struct fixture f;
	const char *first, *second;

	setup(&f, NULL);
	cr_assert_eq(hub_join(f.s, SLICE("b")), ERR_OK);
	fake_node_publish(&f.node, "a", "\"zero\"");
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "-1\"]"));
	cut(&f, 1, "transport close");
	fake_node_publish(&f.node, "b", "\"one\"");
	fake_node_publish(&f.node, "c", "\"not its own\"");
	fake_node_publish(&f.node, "a", "\"two\"");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 2);
	cr_assert_eq(f.s->room_count, 2);
	cr_assert_eq(buf_add_char(&f.peer.written, '\0'), ERR_OK);
	first = memmem(f.peer.written.data, f.peer.written.len, "\"one\"", 5);
	second = memmem(f.peer.written.data, f.peer.written.len, "\"two\"", 5);
	cr_assert(first && second && first < second);
	/* Once: a second cut has nothing old to tell. */
	cut(&f, 4, "ping timeout");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 0);
	teardown(&f);
}

Test(recovery, not_after_the_window_nor_a_goodbye)
{
	struct fixture f;

	setup(&f, NULL);
	fake_node_publish(&f.node, "a", "0");
	cut(&f, 1, "client namespace disconnect");
	cr_assert_eq(f.node.hub->recovery.notes.count, 0);
	cr_assert_not(back(&f));
	cr_assert_eq(hub_join(f.s, SLICE("a")), ERR_OK);
	cut(&f, 1, "transport error");
	cr_assert_eq(f.node.hub->recovery.notes.count, 1);
	fake_node_tick(&f.node, WINDOW_MS + 1);
	cr_assert_eq(f.node.hub->recovery.notes.count, 0);
	cr_assert_eq(f.node.hub->recovery.bytes, 0);
	cr_assert_not(back(&f));
	teardown(&f);
}

Test(recovery, not_when_the_history_is_too_short)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.history.history_messages = 2;
	setup(&f, &o);
	fake_node_publish(&f.node, "a", "0");
	cut(&f, 1, "transport close");
	fake_node_publish(&f.node, "a", "1");
	fake_node_publish(&f.node, "a", "2");
	cr_assert(back(&f));
	cut(&f, 3, "transport close");
	for (int i = 0; i < 3; i++)
		fake_node_publish(&f.node, "a", "3");
	cr_assert_not(back(&f));
	teardown(&f);
}

/* Other rooms that come and go say nothing about a quiet one. */
Test(recovery, a_quiet_room_outlives_busy_ones)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.room_retention_ms = 1;
	setup(&f, &o);
	cr_assert_eq(f.node.hub->options.room_retention_ms, WINDOW_MS);
	cr_assert_eq(hub_join(f.s, SLICE("silent")), ERR_OK);
	fake_node_publish(&f.node, "a", "0");
	fake_node_publish(&f.node, "busy", "0");
	fake_node_tick(&f.node, WINDOW_MS + 1);
	cr_assert_eq(f.node.hub->forgotten, 2);
	cut(&f, 1, "transport close");
	fake_node_publish(&f.node, "silent", "\"now\"");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 1);
	cr_assert(fake_wrote(&f.peer, "\"now\""));
	teardown(&f);
}

Test(recovery, what_came_before_a_join_is_not_replayed)
{
	struct fixture f;

	setup(&f, NULL);
	fake_node_publish(&f.node, "a", "0");
	fake_node_publish(&f.node, "late", "\"before\"");
	cr_assert_eq(hub_join(f.s, SLICE("late")), ERR_OK);
	cut(&f, 1, "transport close");
	fake_node_publish(&f.node, "late", "\"after\"");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 1);
	cr_assert(fake_wrote(&f.peer, "\"after\""));
	teardown(&f);
}

Test(recovery, who_is_not_for_a_replay)
{
	struct fixture f;
	struct publication p = {.nsp = SLICE("/"),
				.room = SLICE("a"),
				.event = SLICE("e"),
				.data = SLICE("1")};

	setup(&f, NULL);
	p.from = session_id(f.s);
	p.except = f.s;
	fake_node_publish(&f.node, "a", "0");
	cr_assert_eq(hub_publish(f.node.hub, &p, NULL), ERR_OK);
	p.except = NULL;
	p.flags = MSG_VOLATILE;
	cr_assert_eq(hub_publish(f.node.hub, &p, NULL), ERR_OK);
	p.flags = 0;
	p.ask = 77;
	cr_assert_eq(hub_publish(f.node.hub, &p, NULL), ERR_OK);
	cut(&f, 1, "transport close");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 0);
	teardown(&f);
}

Test(recovery, what_was_said_to_it_alone)
{
	struct fixture f;

	setup(&f, NULL);
	fake_node_publish(&f.node, "a", "0");
	hub_emit(f.s, SLICE("hello"), SLICE("\"you\""));
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "[\"hello\",\"you\",\""));
	cut(&f, 1, "transport close");
	cr_assert(back(&f));
	cr_assert_eq(f.peer.frames, 1);
	cr_assert(fake_wrote(&f.peer, "[\"hello\",\"you\",\""));
	teardown(&f);
}

Test(recovery, a_live_session_is_taken_over)
{
	struct fixture f;
	struct fake again;
	struct connect_info info = {.nsp = SLICE("/"), .recovers = true};
	struct refusal why;
	struct session *s;
	char offset[64];

	setup(&f, NULL);
	fake_init(&again, f.node.hub, FORMAT_EIO_POLLING);
	fake_node_publish(&f.node, "a", "0");
	fake_node_publish(&f.node, "a", "\"unseen\"");
	snprintf(offset, sizeof(offset), "%s-1", f.node.hub->epoch);
	memcpy(f.pid, f.s->pid, sizeof(f.pid));
	info.pid = slice_str(f.pid);
	info.offset = slice_str(offset);
	cr_assert_eq(hub_connect(f.node.hub, &info, &again.transport, &why, &s),
		     ERR_OK);
	cr_assert(s->recovered);
	cr_assert_str_eq(s->id, f.s->id);
	cr_assert_eq(f.peer.kicks, 1);
	cr_assert_eq(f.s->room_count, 0);
	cr_assert_null(f.s->pid);
	fake_node_tick(&f.node, 1);
	cr_assert_eq(again.frames, 1);
	cr_assert(fake_wrote(&again, "\"unseen\""));
	hub_disconnect(s, "end");
	fake_release(&again);
	teardown(&f);
}

Test(recovery, offsets_that_were_never_given)
{
	struct fixture f;
	char texts[6][64];
	const char *epoch;

	setup(&f, NULL);
	epoch = f.node.hub->epoch;
	fake_node_publish(&f.node, "a", "0");
	cut(&f, 1, "transport close");
	snprintf(texts[0], 64, "%s-2", epoch);
	snprintf(texts[1], 64, "%s-", epoch);
	snprintf(texts[2], 64, "%s-1x", epoch);
	snprintf(texts[3], 64, "%s", epoch);
	snprintf(texts[4], 64, "X%s-1", epoch);
	snprintf(texts[5], 64, "%s-99999999999999999999", epoch);
	for (int i = 0; i < 6; i++) {
		struct session *s = enter(&f, f.pid, texts[i]);

		cr_assert_not(s->recovered, "%s", texts[i]);
		hub_disconnect(s, "end");
	}
	cr_assert(back(&f));
	teardown(&f);
}

Test(recovery, raw_sessions_have_none)
{
	struct fixture f;
	struct fake raw;
	struct session *s;

	setup(&f, NULL);
	fake_init(&raw, f.node.hub, FORMAT_WS);
	s = fake_connect(&raw, "/");
	cr_assert_null(s->pid);
	hub_disconnect(s, "transport close");
	cr_assert_eq(f.node.hub->recovery.notes.count, 0);
	fake_release(&raw);
	teardown(&f);
}

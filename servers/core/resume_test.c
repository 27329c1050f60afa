/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"

struct fixture {
	struct fake_node node;
	struct fake fake;
	struct session *s;
};

static void fixture_init(struct fixture *f, const struct hub_options *o,
			 enum wire_format format)
{
	fake_node_init(&f->node, o, NULL);
	fake_init(&f->fake, f->node.hub, format);
	f->s = fake_connect(&f->fake, "/");
}

static void fixture_release(struct fixture *f)
{
	hub_disconnect(f->s, "end");
	fake_release(&f->fake);
	fake_node_release(&f->node);
}

/* Resumes the rooms named by the letters of `names` in this epoch. */
static enum err resume(struct fixture *f, uint64_t position, const char *names)
{
	struct slice rooms[32];
	size_t n = strlen(names);

	for (size_t i = 0; i < n; i++)
		rooms[i] = slice_of(names + i, 1);
	return hub_resume(f->s, slice_str(f->node.hub->epoch), position, rooms,
			  n);
}

/* A private message's text: a gap is what its frame holds. */
static struct slice told(struct msg *m)
{
	struct slice frame = msg_frame(m, FORMAT_WS);
	const char *from = memchr(frame.p, '{', frame.n);

	cr_assert_not_null(from);
	return slice_after(frame, (size_t)(from - frame.p));
}

/* The positions queued for the session, as text, and the queue emptied. */
static const char *queued(struct fixture *f)
{
	static char text[1024];
	struct outq *q = &f->fake.transport.q;

	text[0] = '\0';
	for (uint32_t i = 0; i < q->count; i++) {
		struct msg *m = outq_at(q, i);
		size_t at = strlen(text), room = sizeof(text) - at;

		if (m->kind == MSG_EVENT)
			(void)snprintf(text + at, room, "%llu ",
				       (unsigned long long)m->position);
		else
			(void)snprintf(text + at, room, "%.*s ",
				       SLICE_ARG(told(m)));
	}
	outq_drop(q, q->count);
	return text;
}

static void publish(struct fixture *f, const char *letters)
{
	for (; *letters; letters++) {
		char room[2] = {*letters, '\0'};

		(void)fake_node_publish(&f->node, room, "1");
	}
}

Test(core, missed_messages_come_in_order_over_all_rooms)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "abcabcab");
	cr_assert_eq(resume(&f, 2, "cab"), ERR_OK);
	publish(&f, "c"); /* live */
	cr_assert_str_eq(queued(&f), "3 4 5 6 7 8 9 ");
	fixture_release(&f);
}

Test(core, rooms_not_asked_for_are_not_replayed)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "ababab");
	cr_assert_eq(resume(&f, 0, "b"), ERR_OK);
	cr_assert_str_eq(queued(&f), "2 4 6 ");
	cr_assert_eq(f.s->room_count, 1);
	fixture_release(&f);
}

Test(core, nothing_missed_is_nothing_replayed)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "aaa");
	cr_assert_eq(resume(&f, 3, "ab"), ERR_OK);
	cr_assert_str_eq(queued(&f), "");
	cr_assert_eq(f.s->room_count, 2);
	fixture_release(&f);
}

Test(core, rooms_named_twice_are_replayed_once)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "ab");
	cr_assert_eq(resume(&f, 0, "aabaab"), ERR_OK);
	cr_assert_str_eq(queued(&f), "1 2 ");
	cr_assert_eq(f.s->room_count, 2);
	fixture_release(&f);
}

Test(core, what_a_member_got_is_not_replayed)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "aa");
	cr_assert_eq(hub_join(f.s, SLICE("a")), ERR_OK);
	publish(&f, "aa");
	cr_assert_str_eq(queued(&f), "3 4 ");
	cr_assert_eq(resume(&f, 1, "aa"), ERR_OK);
	cr_assert_str_eq(queued(&f), "2 ");
	cr_assert_eq(resume(&f, 1, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "");
	cr_assert_eq(resume(&f, 0, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "1 ");
	fixture_release(&f);
}

Test(core, what_the_history_lost_is_told)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.history.history_messages = 3;
	fixture_init(&f, &o, FORMAT_WS);
	publish(&f, "aaaaaaaaaa");
	cr_assert_eq(resume(&f, 4, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "{\"type\":\"gap\",\"room\":\"a\","
				     "\"from\":5,\"to\":7} 8 9 10 ");
	fixture_release(&f);
}

Test(core, gap_covers_what_is_lost_when_other_rooms_are_busy)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.history.history_messages = 2;
	fixture_init(&f, &o, FORMAT_WS);
	publish(&f, "aabbaaa"); /* a's numbers 1 to 3 are at 1, 2 and 5 */
	/* The client has number 1 only; 2 and 3 are lost. */
	cr_assert_eq(resume(&f, 1, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "{\"type\":\"gap\",\"room\":\"a\","
				     "\"from\":1,\"to\":3} 6 7 ");
	/* Nothing of b's was lost. */
	cr_assert_eq(resume(&f, 1, "b"), ERR_OK);
	cr_assert_str_eq(queued(&f), "3 4 ");
	fixture_release(&f);
}

Test(core, another_epoch_is_a_gap_of_all)
{
	struct fixture f;
	struct slice rooms[] = {SLICE("a"), SLICE("new")};

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "aa");
	cr_assert_eq(hub_resume(f.s, SLICE("other"), 1, rooms, 2), ERR_OK);
	publish(&f, "a");
	cr_assert_str_eq(queued(&f),
			 "{\"type\":\"gap\",\"room\":\"a\",\"from\":1,"
			 "\"to\":2} {\"type\":\"gap\",\"room\":\"new\","
			 "\"from\":0,\"to\":0} 3 ");
	fixture_release(&f);
}

Test(core, position_of_the_future_is_not_ours)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "a");
	cr_assert_eq(resume(&f, 2, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "{\"type\":\"gap\",\"room\":\"a\","
				     "\"from\":1,\"to\":1} ");
	fixture_release(&f);
}

Test(core, room_dropped_in_between_is_told)
{
	struct fixture f;

	fixture_init(&f, NULL, FORMAT_WS);
	publish(&f, "aa");
	fake_node_tick(&f.node, hub_defaults.room_retention_ms);
	cr_assert_eq(f.node.hub->room_count, 0);
	publish(&f, "a");
	cr_assert_eq(resume(&f, 1, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "{\"type\":\"gap\",\"room\":\"a\","
				     "\"from\":0,\"to\":0} 3 ");
	/* Who had all of it before the drop has lost nothing. */
	cr_assert_eq(hub_leave(f.s, SLICE("a")), ERR_OK);
	cr_assert_eq(resume(&f, 2, "a"), ERR_OK);
	cr_assert_str_eq(queued(&f), "3 ");
	fixture_release(&f);
}

Test(core, gap_is_worded_for_each_format)
{
	static const struct {
		enum wire_format format;
		const char *text;
	} want[] = {
		{FORMAT_WS, "\x81\x30{\"type\":\"gap\",\"room\":\"a\","
			    "\"from\":1,\"to\":1}"},
		{FORMAT_SSE, "event: gap\ndata: {\"type\":\"gap\",\"room\":"
			     "\"a\",\"from\":1,\"to\":1}\n\n"},
		{FORMAT_EIO_POLLING, "42[\"gap\",{\"type\":\"gap\",\"room\":"
				     "\"a\",\"from\":1,\"to\":1}]"},
	};

	for (int i = 0; i < 3; i++) {
		struct fixture f;
		struct slice room = SLICE("a");
		const char *text = strchr(want[i].text, '{');

		fixture_init(&f, NULL, want[i].format);
		publish(&f, "a");
		cr_assert_eq(hub_resume(f.s, SLICE("x"), 0, &room, 1), ERR_OK);
		hub_flush(f.node.hub);
		if (want[i].format != FORMAT_WS)
			text = want[i].text;
		cr_assert(fake_wrote(&f.fake, text), "%.*s",
			  SLICE_ARG(buf_slice(&f.fake.written)));
		fixture_release(&f);
	}
}

Test(core, replay_that_does_not_fit_changes_nothing)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.queue.messages = 5;
	fixture_init(&f, &o, FORMAT_WS);
	cr_assert_eq(hub_join(f.s, SLICE("z")), ERR_OK);
	publish(&f, "aaabbb");
	cr_assert_eq(resume(&f, 0, "zab"), ERR_LIMIT);
	cr_assert_eq(f.s->room_count, 1);
	cr_assert_eq(f.fake.transport.q.count, 0);
	cr_assert_eq(f.fake.kicks, 0);
	cr_assert_eq(resume(&f, 1, "zab"), ERR_OK);
	cr_assert_str_eq(queued(&f), "2 3 4 5 6 ");
	fixture_release(&f);
}

/* Who resumes is told what is lost, of however many rooms. */
Test(core, gaps_find_a_place_beyond_the_queue)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.queue.messages = 2;
	fixture_init(&f, &o, FORMAT_WS);
	publish(&f, "abcd");
	cr_assert_eq(hub_resume(f.s, SLICE("other"), 1,
				(struct slice[]){SLICE("a"), SLICE("b"),
						 SLICE("c"), SLICE("d")},
				4),
		     ERR_OK);
	cr_assert_eq(f.s->room_count, 4);
	cr_assert_eq(f.fake.transport.q.count, 4);
	cr_assert_eq(f.fake.kicks, 0);
	fixture_release(&f);
}

Test(core, resume_is_within_the_limits_of_joining)
{
	struct hub_options o = hub_defaults;
	struct fixture f;
	struct slice bad[] = {SLICE("a"), SLICE("")};

	o.max_rooms_per_session = 3;
	o.max_rooms = 4;
	fixture_init(&f, &o, FORMAT_WS);
	cr_assert_eq(resume(&f, 0, "abcd"), ERR_LIMIT);
	cr_assert_eq(hub_resume(f.s, SLICE(""), 0, bad, 2), ERR_USAGE);
	cr_assert_eq(f.s->room_count, 0);
	cr_assert_eq(f.node.hub->room_count, 0);
	cr_assert_eq(hub_join(f.s, SLICE("x")), ERR_OK);
	cr_assert_eq(resume(&f, 0, "abc"), ERR_LIMIT);
	cr_assert_eq(f.s->room_count, 1);
	cr_assert_eq(f.node.hub->room_count, 1);
	cr_assert_eq(resume(&f, 0, ""), ERR_OK);
	cr_assert_eq(resume(&f, 0, "ab"), ERR_OK);
	cr_assert_eq(f.s->room_count, 3);
	fixture_release(&f);
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/core/fake_backend.h"
#include "servers/dialect/dialect.h"

/* Refuses every object that is not a command. */
static void refuse_event(struct hub *hub, struct session *s,
			 const struct app_event *e, struct reply *reply)
{
	(void)hub;
	(void)s;
	(void)e;
	reply_send(reply, ERR_PROTO, SLICE("unknown type"));
}

static const struct app_ops refusing_app = {
	.name = "refusing",
	.commands = true,
	.admit = app_admit,
	.on_connect = app_ignore_connect,
	.on_event = refuse_event,
	.on_message = app_ignore_message,
	.on_disconnect = app_ignore_disconnect,
};

/* One session on a raw transport. */
struct fixture {
	struct fake_node node;
	struct fake peer;
	struct session *session;
	struct dialect dialect;
	struct buf answer;
};

static void setup(struct fixture *f)
{
	fake_node_init(&f->node, NULL, &refusing_app);
	fake_init(&f->peer, f->node.hub, FORMAT_WS);
	f->session = fake_connect(&f->peer, "/");
	dialect_init(&f->dialect, f->session, 1000);
	buf_init(&f->answer, BUF_UNLIMITED);
}

static void teardown(struct fixture *f)
{
	buf_release(&f->answer);
	dialect_release(&f->dialect);
	hub_disconnect(f->session, "end");
	fake_release(&f->peer);
	fake_node_release(&f->node);
}

/* Handles `text`; returns the answer, NUL-terminated. */
static const char *handle(struct fixture *f, const char *text, bool expect_ok)
{
	buf_clear(&f->answer);
	cr_assert_eq(
		dialect_handle(&f->dialect, slice_str(text), NULL, &f->answer),
		expect_ok ? DIALECT_DONE : DIALECT_FAILED, "%s -> %.*s", text,
		SLICE_ARG(buf_slice(&f->answer)));
	cr_assert_eq(buf_add_char(&f->answer, '\0'), ERR_OK);
	return f->answer.data;
}

Test(dialect, commands_with_an_id_are_acked)
{
	struct fixture f;

	setup(&f);
	cr_assert_str_eq(
		handle(&f, "{\"type\":\"join\",\"room\":\"a\",\"id\":1}", true),
		"{\"type\":\"ack\",\"id\":1,\"data\":{\"room\":\"a\"}}");
	cr_assert_str_eq(
		handle(&f,
		       "{\"type\":\"publish\",\"room\":\"a\","
		       "\"data\":1.0,\"id\":\"x\"}",
		       true),
		"{\"type\":\"ack\",\"id\":\"x\",\"data\":{\"seq\":1}}");
	cr_assert_str_eq(
		handle(&f, "{\"type\":\"leave\",\"room\":\"a\",\"id\":2}",
		       true),
		"{\"type\":\"ack\",\"id\":2,\"data\":{\"room\":\"a\"}}");
	cr_assert_eq(f.session->room_count, 0);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "\"data\":1.0,\"from\":"));
	teardown(&f);
}

Test(dialect, without_an_id_there_is_no_answer_but_errors_are_told)
{
	struct fixture f;

	setup(&f);
	cr_assert_str_eq(handle(&f, "{\"type\":\"join\",\"room\":\"a\"}", true),
			 "");
	cr_assert_str_eq(handle(&f, "nonsense", false),
			 "{\"type\":\"error\",\"payload\":\"Invalid JSON\"}");
	cr_assert_not_null(
		strstr(handle(&f, "{\"type\":\"dance\",\"id\":7}", false),
		       "{\"type\":\"error\",\"id\":7,\"payload\":"));
	cr_assert_not_null(strstr(
		handle(&f, "{\"type\":\"join\",\"id\":8}", false), "\"id\":8"));
	teardown(&f);
}

Test(dialect, self_false_leaves_the_sender_out)
{
	struct fixture f;

	setup(&f);
	handle(&f, "{\"type\":\"join\",\"room\":\"a\"}", true);
	handle(&f,
	       "{\"type\":\"publish\",\"room\":\"a\",\"data\":1,\"self\":false}",
	       true);
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.peer.frames, 0);
	teardown(&f);
}

Test(dialect, resume_replays_what_was_missed)
{
	struct fixture f;
	char text[128];

	setup(&f);
	fake_node_publish(&f.node, "a", "1");
	fake_node_publish(&f.node, "a", "2");
	snprintf(text, sizeof(text),
		 "{\"type\":\"resume\",\"epoch\":\"%s\",\"position\":1,"
		 "\"rooms\":[\"\\u0061\"],\"id\":1}",
		 f.node.hub->epoch);
	cr_assert_str_eq(
		handle(&f, text, true),
		"{\"type\":\"ack\",\"id\":1,\"data\":{\"resumed\":true}}");
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.peer.frames, 1);
	cr_assert(fake_wrote(&f.peer, "\"data\":2,\"seq\":2"));
	handle(&f,
	       "{\"type\":\"resume\",\"epoch\":\"x\",\"position\":1,"
	       "\"rooms\":[1]}",
	       false);
	teardown(&f);
}

Test(dialect, binary_goes_to_the_one_joined_room)
{
	struct fixture f;
	struct fake json;
	struct session *s;

	setup(&f);
	fake_init(&json, f.node.hub, FORMAT_SSE);
	s = fake_connect(&json, "/");
	cr_assert_eq(hub_join(s, SLICE("a")), ERR_OK);
	cr_assert_not(dialect_handle_binary(&f.dialect, SLICE("\x01\x02"),
					    &f.answer));
	buf_clear(&f.answer);
	handle(&f, "{\"type\":\"join\",\"room\":\"a\"}", true);
	buf_clear(&f.answer);
	cr_assert(dialect_handle_binary(&f.dialect, SLICE("\x01\x02"),
					&f.answer));
	cr_assert_eq(f.answer.len, 0);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "\x82\x02\x01\x02"));
	cr_assert(fake_wrote(&json, "{\"base64\":\"AQI=\"}"));
	hub_disconnect(s, "end");
	fake_release(&json);
	teardown(&f);
}

Test(dialect, welcome_counts_the_namespace)
{
	struct fixture f;
	char expected[200];

	setup(&f);
	dialect_welcome(f.session, SLICE("secret"), &f.answer);
	cr_assert_eq(buf_add_char(&f.answer, '\0'), ERR_OK);
	snprintf(expected, sizeof(expected),
		 "{\"type\":\"welcome\",\"payload\":{\"total\":1,\"sid\":"
		 "\"secret\",\"id\":\"%s\",\"epoch\":\"%s\",\"position\":0}}",
		 f.session->id, f.node.hub->epoch);
	cr_assert_str_eq(f.answer.data, expected);
	teardown(&f);
}

Test(dialect, an_object_in_chunks_is_one_object)
{
	struct fixture f;

	setup(&f);
	handle(&f, "{\"type\":\"join\",\"room\":\"a\"}", true);
	cr_assert_str_eq(
		handle(&f,
		       "{\"type\":\"chunk\",\"id\":9,\"chunk\":0,\"total\":2,"
		       "\"data\":\"{\\\"type\\\":\\\"publish\\\",\\\"id\\\":4,"
		       "\\\"data\\\":\\\"\\ud83d\"}",
		       true),
		"");
	/* Other objects may come between. */
	handle(&f, "{\"type\":\"join\",\"room\":\"b\"}", true);
	cr_assert_str_eq(
		handle(&f,
		       "{\"type\":\"chunk\",\"id\":9,\"chunk\":1,\"total\":2,"
		       "\"data\":\"\\ude00\\\",\\\"room\\\":\\\"a\\\"}\"}",
		       true),
		"{\"type\":\"ack\",\"id\":4,\"data\":{\"seq\":1}}");
	cr_assert_null(f.dialect.chunks.id);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "\"data\":\"\xf0\x9f\x98\x80\""));
	teardown(&f);
}

Test(dialect, chunks_out_of_order_or_too_large_are_refused)
{
	struct fixture f;
	char text[1200];

	setup(&f);
	handle(&f,
	       "{\"type\":\"chunk\",\"id\":1,\"chunk\":1,\"total\":2,"
	       "\"data\":\"x\"}",
	       false);
	handle(&f,
	       "{\"type\":\"chunk\",\"id\":1,\"chunk\":0,\"total\":3,"
	       "\"data\":\"x\"}",
	       true);
	cr_assert_not_null(strstr(
		handle(&f,
		       "{\"type\":\"chunk\",\"id\":1,\"chunk\":2,\"total\":3,"
		       "\"data\":\"x\"}",
		       false),
		"\"id\":1,\"payload\":\"not the next chunk"));
	snprintf(text, sizeof(text),
		 "{\"type\":\"chunk\",\"id\":2,\"chunk\":0,\"total\":2,"
		 "\"data\":\"%01000d\"}",
		 7);
	cr_assert_not_null(strstr(handle(&f, text, false), "too large"));
	cr_assert_null(f.dialect.chunks.id);
	cr_assert_null(f.dialect.chunks.text.data);
	teardown(&f);
}

/* What came late, kept. */
struct late {
	unsigned answers;
	enum err status;
	char text[256];
};

static void keep_late(void *arg, enum err status, struct slice answer)
{
	struct late *l = arg;

	l->answers++;
	l->status = status;
	cr_assert_lt(answer.n, sizeof(l->text));
	memcpy(l->text, answer.p, answer.n);
	l->text[answer.n] = '\0';
}

Test(dialect, a_question_is_answered_late)
{
	struct late kept = {0};
	const struct dialect_late late = {keep_late, &kept};
	struct slice question =
		SLICE("{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
		      "\"ackTimeout\":100,\"id\":\"q\"}");
	struct fixture f;

	setup(&f);
	handle(&f, "{\"type\":\"join\",\"room\":\"a\"}", true);
	buf_clear(&f.answer);
	cr_assert_eq(dialect_handle(&f.dialect, question, &late, &f.answer),
		     DIALECT_LATER);
	cr_assert_eq(f.answer.len, 0);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, ",\"ack\":1}"));
	cr_assert_str_eq(
		handle(&f, "{\"type\":\"ack\",\"id\":1,\"data\":[1.0]}", true),
		"");
	cr_assert_eq(kept.answers, 1);
	cr_assert_str_eq(kept.text,
			 "{\"type\":\"ack\",\"id\":\"q\",\"data\":{\"seq\":1,"
			 "\"acks\":[[1.0]],\"missing\":0}}");
	/* Once more, and nobody answers; then without anybody to hear. */
	cr_assert_eq(dialect_handle(&f.dialect, question, &late, &f.answer),
		     DIALECT_LATER);
	fake_node_tick(&f.node, 101);
	cr_assert_eq(kept.answers, 2);
	cr_assert_not_null(strstr(kept.text, "\"missing\":1"));
	handle(&f,
	       "{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
	       "\"ackTimeout\":100}",
	       true);
	cr_assert_eq(f.node.hub->asks.pending.count, 0);
	teardown(&f);
}

Test(dialect, acks_of_nothing_are_the_applications)
{
	struct fixture f;

	setup(&f);
	cr_assert_not_null(strstr(
		handle(&f, "{\"type\":\"ack\",\"id\":5,\"data\":1}", false),
		"unknown type"));
	handle(&f, "{\"type\":\"ack\",\"id\":\"x\"}", false);
	handle(&f, "{\"type\":\"ack\"}", false);
	teardown(&f);
}

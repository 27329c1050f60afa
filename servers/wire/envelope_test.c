/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/base/check.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

/* One decoding with all that it needs; released at the end of each test. */
struct trial {
	struct buf scratch;
	struct envelope e;
	const char *why;
};

static enum err try_decode(struct trial *t, const char *text)
{
	buf_init(&t->scratch, 4096);
	t->why = NULL;
	return envelope_decode(slice_str(text), &t->scratch, &t->e, &t->why);
}

static void trial_end(struct trial *t)
{
	buf_release(&t->scratch);
}

static void assert_ok(struct trial *t, const char *text)
{
	cr_assert_eq(try_decode(t, text), ERR_OK, "%s: %s", text, t->why);
	cr_assert_eq(t->why, NULL);
	cr_assert(t->e.is_object);
}

static void assert_slice(struct slice got, const char *want)
{
	cr_assert(slice_is(got, want), "%.*s for %s", SLICE_ARG(got), want);
}

static void assert_refused(const char *text, const char *why, const char *id)
{
	struct trial t;

	cr_assert_eq(try_decode(&t, text), ERR_PROTO, "%s", text);
	cr_assert_str_eq(t.why, why, "%s: %s", text, t.why);
	cr_assert_eq(t.e.has_id, id != NULL, "%s", text);
	assert_slice(t.e.id, id ? id : "");
	trial_end(&t);
}

Test(envelope, join_and_leave)
{
	struct trial t;

	assert_ok(&t, "{\"type\":\"join\",\"room\":\"lobby\",\"id\":7}");
	cr_assert_eq(t.e.type, ENVELOPE_JOIN);
	assert_slice(t.e.type_name, "join");
	assert_slice(t.e.room, "lobby");
	cr_assert(t.e.has_id);
	assert_slice(t.e.id, "7");
	cr_assert_eq(t.scratch.cap, 0, "nothing to unescape, no memory");
	trial_end(&t);
	assert_ok(&t, " { \"room\" : \"x\" , \"type\" : \"leave\" } ");
	cr_assert_eq(t.e.type, ENVELOPE_LEAVE);
	assert_slice(t.e.room, "x");
	cr_assert_not(t.e.has_id);
	trial_end(&t);
}

Test(envelope, publish_passes_data_through)
{
	struct trial t;

	assert_ok(&t, "{\"type\":\"publish\",\"room\":\"r\",\"event\":\"tick\","
		      "\"data\": {\"n\":1.0, \"b\":12345678901234567890} }");
	cr_assert_eq(t.e.type, ENVELOPE_PUBLISH);
	assert_slice(t.e.event, "tick");
	assert_slice(t.e.data, "{\"n\":1.0, \"b\":12345678901234567890}");
	cr_assert_not(t.e.exclude_self);
	cr_assert_not(t.e.is_volatile);
	cr_assert_not(t.e.has_ack_timeout);
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"publish\",\"room\":\"r\",\"data\":null,"
		      "\"self\":false,\"volatile\":true,\"ackTimeout\":0}");
	assert_slice(t.e.event, "");
	assert_slice(t.e.data, "null");
	cr_assert(t.e.exclude_self);
	cr_assert(t.e.is_volatile);
	cr_assert(t.e.has_ack_timeout);
	cr_assert_eq(t.e.ack_timeout_ms, 0);
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"publish\",\"room\":\"r\",\"data\":1,"
		      "\"self\":true,\"volatile\":false,\"ackTimeout\":250}");
	cr_assert_not(t.e.exclude_self);
	cr_assert_not(t.e.is_volatile);
	cr_assert_eq(t.e.ack_timeout_ms, 250);
	trial_end(&t);
}

Test(envelope, resume_and_chunk)
{
	struct trial t;

	assert_ok(&t, "{\"type\":\"resume\",\"epoch\":\"e1\",\"position\":9,"
		      "\"rooms\":[\"a\",\"\\u0062\"]}");
	cr_assert_eq(t.e.type, ENVELOPE_RESUME);
	assert_slice(t.e.epoch, "e1");
	cr_assert(t.e.has_position);
	cr_assert_eq(t.e.position, 9);
	assert_slice(t.e.rooms, "[\"a\",\"\\u0062\"]");
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"chunk\",\"id\":\"c\",\"chunk\":1,"
		      "\"total\":2,\"data\":\"{\\\"a\"}");
	cr_assert_eq(t.e.type, ENVELOPE_CHUNK);
	cr_assert_eq(t.e.chunk, 1);
	cr_assert_eq(t.e.total, 2);
	assert_slice(t.e.data, "\"{\\\"a\"");
	assert_slice(t.e.id, "\"c\"");
	trial_end(&t);
}

Test(envelope, what_a_server_sends)
{
	struct trial t;

	assert_ok(&t, "{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\","
		      "\"data\":[1],\"from\":\"abc\",\"seq\":0,"
		      "\"position\":12}");
	cr_assert_eq(t.e.type, ENVELOPE_MESSAGE);
	assert_slice(t.e.room, "r");
	assert_slice(t.e.event, "e");
	assert_slice(t.e.data, "[1]");
	assert_slice(t.e.from, "abc");
	cr_assert(t.e.has_seq);
	cr_assert_eq(t.e.seq, 0);
	cr_assert(t.e.has_position);
	cr_assert_eq(t.e.position, 12);
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"gap\",\"room\":\"r\",\"from\":3,\"to\":5}");
	cr_assert_eq(t.e.type, ENVELOPE_GAP);
	cr_assert_eq(t.e.gap_from, 3);
	cr_assert_eq(t.e.gap_to, 5);
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"ack\",\"id\":1,\"data\":{\"seq\":4}}");
	cr_assert_eq(t.e.type, ENVELOPE_ACK);
	assert_slice(t.e.data, "{\"seq\":4}");
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"error\",\"payload\":\"no\"}");
	cr_assert_eq(t.e.type, ENVELOPE_ERROR);
	assert_slice(t.e.payload, "\"no\"");
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"welcome\",\"payload\":{\"total\":1}}");
	cr_assert_eq(t.e.type, ENVELOPE_WELCOME);
	assert_slice(t.e.payload, "{\"total\":1}");
	trial_end(&t);
}

/* Guards the scratch: slices into it must survive what is added after. */
Test(envelope, several_escaped_strings_at_once)
{
	struct trial t;

	assert_ok(&t, "{\"t\\u0079pe\":\"mess\\u0061ge\","
		      "\"room\":\"\\u00e9\\n\\u00e9\",\"data\":0}");
	cr_assert_eq(t.e.type, ENVELOPE_OTHER, "a room with a line feed");
	assert_slice(t.e.type_name, "message");
	trial_end(&t);
	assert_ok(&t, "{\"t\\u0079pe\":\"mess\\u0061ge\","
		      "\"room\":\"\\u00e9-\\\\\",\"event\":\"\\\"\\u20ac\","
		      "\"from\":\"\\/\",\"data\":\"\\n\"}");
	cr_assert_eq(t.e.type, ENVELOPE_MESSAGE);
	assert_slice(t.e.type_name, "message");
	assert_slice(t.e.room, "\xc3\xa9-\\");
	assert_slice(t.e.event, "\"\xe2\x82\xac");
	assert_slice(t.e.from, "/");
	assert_slice(t.e.data, "\"\\n\"");
	trial_end(&t);
	assert_ok(&t, "{\"type\":\"res\\u0075me\",\"position\":1,"
		      "\"epoch\":\"\\u0065\","
		      "\"rooms\":[\"\\u0061\",\"\\u0062\"]}");
	assert_slice(t.e.type_name, "resume");
	assert_slice(t.e.epoch, "e");
	trial_end(&t);
}

/* The longest room there is must not move the type that was kept before. */
Test(envelope, long_escaped_rooms_leave_the_scratch_where_it_is)
{
	static const char head[] = "{\"type\":\"res\\u0075me\",\"epoch\":\"\","
				   "\"position\":1,\"rooms\":[\"";
	char text[4096];
	struct trial t;
	char *p = stpcpy(text, head);

	for (int i = 0; i < ENVELOPE_NAME_MAX; i++)
		p = stpcpy(p, "\\u0061");
	(void)stpcpy(p, "\"]}");
	assert_ok(&t, text);
	cr_assert_eq(t.e.type, ENVELOPE_RESUME);
	assert_slice(t.e.type_name, "resume");
	trial_end(&t);
	(void)stpcpy(p, "b\"]}");
	cr_assert_eq(try_decode(&t, text), ERR_PROTO);
	trial_end(&t);
}

Test(envelope, last_member_of_a_name_wins_and_unknown_ones_pass)
{
	struct trial t;

	assert_ok(&t, "{\"type\":5,\"room\":\"a\",\"x\":{\"type\":1},"
		      "\"type\":\"join\",\"room\":\"b\",\"typ\":0}");
	cr_assert_eq(t.e.type, ENVELOPE_JOIN);
	assert_slice(t.e.room, "b");
	trial_end(&t);
}

Test(envelope, other_objects_are_not_judged)
{
	static const char *const texts[] = {
		"{\"type\":\"chat\",\"room\":5,\"data\":[2],\"payload\":3}",
		"{\"type\":\"message\",\"data\":[2],\"payload\":3}",
		"{\"type\":\"message\",\"room\":\"r\",\"data\":[2],"
		"\"payload\":3,\"seq\":-1}",
		"{\"type\":\"message\",\"room\":\"r\",\"data\":[2],"
		"\"payload\":3,\"from\":1}",
		"{\"type\":\"gap\",\"data\":[2],\"payload\":3}",
		"{\"type\":\"gap\",\"room\":\"r\",\"from\":2,\"to\":1,"
		"\"data\":[2],\"payload\":3}",
		"{\"type\":\"ack\",\"data\":[2],\"payload\":3}",
		"{\"type\":\"error\",\"data\":[2],\"payload\":3}",
		"{\"type\":\"welcome\",\"data\":[2],\"payload\":3}",
		"{\"type\":\"\",\"id\":{},\"data\":[2],\"payload\":3}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct trial t;

		assert_ok(&t, texts[i]);
		cr_assert_eq(t.e.type, ENVELOPE_OTHER, "%s", texts[i]);
		assert_slice(t.e.data, "[2]");
		assert_slice(t.e.payload, "3");
		assert_slice(t.e.room, "");
		cr_assert_not(t.e.has_id);
		cr_assert_not(t.e.has_seq);
		trial_end(&t);
	}
}

Test(envelope, what_is_not_json)
{
	static const char *const texts[] = {
		"",
		"hello",
		"{\"type\":\"join\",\"room\":\"a\"",
		"{\"type\":\"join\",\"room\":\"a\",}",
		"{\"type\":\"join\",\"room\":\"a\"}x",
		"{\"type\":\"join\",\"room\":\"a\",\"n\":01}",
		"{\"type\":\"join\",\"room\":\"\xff\"}",
		"{\"id\":1,\"type\":\"join\",\"room\":\"\t\"}",
		"{'type':'join'}",
		"[1,]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_refused(texts[i], "Invalid JSON", NULL);
}

#define WHY_ROOM                                                               \
	"\"room\" must be a non-empty string of at most 255 bytes without "    \
	"control characters"
#define WHY_EVENT                                                              \
	"\"event\" must be a non-empty string of at most 255 bytes without "   \
	"control characters"
#define WHY_ROOMS                                                              \
	"\"rooms\" must be an array of non-empty strings of at most 255 "      \
	"bytes without control characters"
#define WHY_ID "\"id\" must be a number or a string of at most 64 bytes"

Test(envelope, what_is_wrong_is_said_and_the_id_kept)
{
	static const struct {
		const char *text, *why, *id;
	} cases[] = {
		{"[]", "expected a JSON object", NULL},
		{" 12 ", "expected a JSON object", NULL},
		{"\"x\"", "expected a JSON object", NULL},
		{"{}", "\"type\" must be a string", NULL},
		{"{\"id\":3}", "\"type\" must be a string", "3"},
		{"{\"id\":3,\"type\":null}", "\"type\" must be a string", "3"},
		{"{\"type\":\"join\",\"id\":\"a\"}", WHY_ROOM, "\"a\""},
		{"{\"type\":\"join\",\"room\":\"\"}", WHY_ROOM, NULL},
		{"{\"type\":\"join\",\"room\":5}", WHY_ROOM, NULL},
		{"{\"type\":\"join\",\"room\":[\"a\"]}", WHY_ROOM, NULL},
		{"{\"type\":\"join\",\"room\":\"a\\u0000\"}", WHY_ROOM, NULL},
		{"{\"type\":\"join\",\"room\":\"\\u0085\"}", WHY_ROOM, NULL},
		{"{\"type\":\"leave\",\"room\":\"\x7f\"}", WHY_ROOM, NULL},
		{"{\"type\":\"join\",\"room\":\"a\",\"id\":null}", WHY_ID,
		 NULL},
		{"{\"type\":\"join\",\"room\":\"a\",\"id\":[1]}", WHY_ID, NULL},
		{"{\"type\":\"join\",\"room\":\"a\",\"id\":true}", WHY_ID,
		 NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"id\":1}",
		 "\"data\" is missing", "1"},
		{"{\"type\":\"publish\",\"data\":1}", WHY_ROOM, NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
		 "\"event\":\"\"}",
		 WHY_EVENT, NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
		 "\"event\":null}",
		 WHY_EVENT, NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"data\":1,\"self\":0}",
		 "\"self\" must be true or false", NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
		 "\"volatile\":\"true\"}",
		 "\"volatile\" must be true or false", NULL},
		{"{\"type\":\"publish\",\"room\":\"a\",\"data\":1,"
		 "\"ackTimeout\":1.5}",
		 "\"ackTimeout\" must be an integer of milliseconds", NULL},
		{"{\"type\":\"resume\",\"epoch\":\"e\",\"rooms\":[]}",
		 "\"position\" is missing", NULL},
		{"{\"type\":\"resume\",\"epoch\":\"e\",\"rooms\":[],"
		 "\"position\":-1}",
		 "\"position\" must be an integer, 0 or more", NULL},
		{"{\"type\":\"resume\",\"rooms\":[],\"position\":1}",
		 "\"epoch\" must be a string", NULL},
		{"{\"type\":\"resume\",\"epoch\":\"e\",\"position\":1}",
		 WHY_ROOMS, NULL},
		{"{\"type\":\"resume\",\"epoch\":\"e\",\"position\":1,"
		 "\"rooms\":[\"a\",1]}",
		 WHY_ROOMS, NULL},
		{"{\"type\":\"resume\",\"epoch\":\"e\",\"position\":1,"
		 "\"rooms\":[\"\\u000a\"]}",
		 WHY_ROOMS, NULL},
		{"{\"type\":\"chunk\",\"chunk\":0,\"total\":1,\"data\":\"\"}",
		 "a chunk needs an \"id\"", NULL},
		{"{\"type\":\"chunk\",\"id\":1,\"total\":1,\"data\":\"\"}",
		 "\"chunk\" must be an integer, 0 or more", "1"},
		{"{\"type\":\"chunk\",\"id\":1,\"chunk\":0,\"total\":0,"
		 "\"data\":\"\"}",
		 "\"total\" must be an integer, 1 or more", "1"},
		{"{\"type\":\"chunk\",\"id\":1,\"chunk\":1,\"total\":1,"
		 "\"data\":\"\"}",
		 "\"chunk\" must be below \"total\"", "1"},
		{"{\"type\":\"chunk\",\"id\":1,\"chunk\":0,\"total\":1,"
		 "\"data\":{}}",
		 "\"data\" of a chunk must be a string", "1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].text, cases[i].why, cases[i].id);
}

Test(envelope, refused_members_still_show_an_object)
{
	struct trial t;

	cr_assert_eq(try_decode(&t, "{\"a\":1}"), ERR_PROTO);
	cr_assert(t.e.is_object);
	trial_end(&t);
	cr_assert_eq(try_decode(&t, "{\"a\":1"), ERR_PROTO);
	cr_assert_not(t.e.is_object);
	trial_end(&t);
}

Test(envelope, ids_of_64_bytes_and_no_more)
{
	char text[256];
	char id[65];
	struct trial t;

	memset(id, '1', sizeof(id));
	(void)snprintf(text, sizeof(text),
		       "{\"type\":\"join\",\"room\":\"r\",\"id\":%.64s}", id);
	assert_ok(&t, text);
	cr_assert_eq(t.e.id.n, 64);
	trial_end(&t);
	(void)snprintf(text, sizeof(text),
		       "{\"type\":\"join\",\"room\":\"r\",\"id\":%.65s}", id);
	assert_refused(text, WHY_ID, NULL);
}

Test(envelope, names)
{
	char longest[ENVELOPE_NAME_MAX + 1];

	memset(longest, 'a', sizeof(longest));
	cr_assert(envelope_name_valid(slice_of(longest, ENVELOPE_NAME_MAX)));
	cr_assert_not(envelope_name_valid(slice_of(longest, sizeof(longest))));
	cr_assert(envelope_name_valid(SLICE("a b/\"\\#")));
	cr_assert(envelope_name_valid(SLICE("\xc2\xa0\xc3\x85\xe2\x80\xa8")));
	cr_assert_not(envelope_name_valid(SLICE("")));
	cr_assert_not(envelope_name_valid(SLICE("a\n")));
	cr_assert_not(envelope_name_valid(SLICE("\x1f")));
	cr_assert_not(envelope_name_valid(SLICE("\x7f")));
	cr_assert_not(envelope_name_valid(SLICE("\xc2\x80")));
	cr_assert_not(envelope_name_valid(SLICE("a\xc2\x9f")));
	cr_assert_not(envelope_name_valid(SLICE("\xff")));
	cr_assert_not(envelope_name_valid(SLICE("\xe2\x82")));
}

Test(envelope, a_scratch_too_small_is_an_error_not_a_cut)
{
	const char *why = NULL;
	struct buf scratch;
	struct envelope e;

	buf_init(&scratch, 4);
	cr_assert_eq(envelope_decode(SLICE("{\"type\":\"join\",\"room\":"
					   "\"\\u0061bcdef\"}"),
				     &scratch, &e, &why),
		     ERR_PROTO);
	cr_assert_str_eq(why, "object too long");
	buf_release(&scratch);
}

static void assert_written(struct buf *b, enum err e, const char *want)
{
	cr_assert_eq(e, ERR_OK);
	assert_slice(buf_slice(b), want);
	cr_assert(json_validate(buf_slice(b)), "%s", want);
	buf_clear(b);
}

Test(envelope, writing_what_a_server_sends)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_written(&b,
		       envelope_add_message(&b, SLICE("r\"1"), SLICE("e"),
					    SLICE("{\"n\":1.0}"), SLICE("me"),
					    3, 12),
		       "{\"type\":\"message\",\"room\":\"r\\\"1\","
		       "\"event\":\"e\",\"data\":{\"n\":1.0},"
		       "\"from\":\"me\",\"seq\":3,\"position\":12}");
	assert_written(&b,
		       envelope_add_message(&b, SLICE("r"), SLICE("e"),
					    SLICE("0"), SLICE(""), 0, 1),
		       "{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\","
		       "\"data\":0,\"seq\":0,\"position\":1}");
	assert_written(
		&b, envelope_add_ack(&b, SLICE("\"x\""), SLICE("{\"seq\":1}")),
		"{\"type\":\"ack\",\"id\":\"x\",\"data\":{\"seq\":1}}");
	assert_written(&b,
		       envelope_add_error(&b, SLICE(""), SLICE("Invalid JSON")),
		       "{\"type\":\"error\",\"payload\":\"Invalid JSON\"}");
	assert_written(&b, envelope_add_error(&b, SLICE("4"), SLICE("\"a\"")),
		       "{\"type\":\"error\",\"id\":4,"
		       "\"payload\":\"\\\"a\\\"\"}");
	assert_written(
		&b,
		envelope_add_welcome(&b, 2, SLICE("s"), SLICE("i"), SLICE("e"),
				     5),
		"{\"type\":\"welcome\",\"payload\":{\"total\":2,\"sid\":\"s\","
		"\"id\":\"i\",\"epoch\":\"e\",\"position\":5}}");
	assert_written(&b, envelope_add_gap(&b, SLICE("r"), 2, 9),
		       "{\"type\":\"gap\",\"room\":\"r\",\"from\":2,"
		       "\"to\":9}");
	buf_release(&b);
}

Test(envelope, writing_what_a_client_sends)
{
	const struct slice rooms[] = {SLICE("a"), SLICE("b\\")};
	struct buf b;

	buf_init(&b, 1000);
	assert_written(&b, envelope_add_join(&b, false, SLICE("r"), 0),
		       "{\"type\":\"join\",\"room\":\"r\"}");
	assert_written(&b, envelope_add_join(&b, true, SLICE("r"), 8),
		       "{\"type\":\"leave\",\"room\":\"r\",\"id\":8}");
	assert_written(&b,
		       envelope_add_publish(&b, SLICE("r"), SLICE(""),
					    SLICE("[]"), false, 0),
		       "{\"type\":\"publish\",\"room\":\"r\",\"data\":[]}");
	assert_written(&b,
		       envelope_add_publish(&b, SLICE("r"), SLICE("e"),
					    SLICE("[]"), true, 1),
		       "{\"type\":\"publish\",\"room\":\"r\",\"event\":\"e\","
		       "\"data\":[],\"self\":false,\"id\":1}");
	assert_written(&b, envelope_add_chunk(&b, 0, 1, 3, SLICE("{\"a\"")),
		       "{\"type\":\"chunk\",\"id\":0,\"chunk\":1,\"total\":3,"
		       "\"data\":\"{\\\"a\\\"\"}");
	assert_written(&b, envelope_add_resume(&b, SLICE("e"), 7, rooms, 2, 1),
		       "{\"type\":\"resume\",\"epoch\":\"e\",\"position\":7,"
		       "\"rooms\":[\"a\",\"b\\\\\"],\"id\":1}");
	assert_written(&b, envelope_add_resume(&b, SLICE("e"), 7, NULL, 0, 0),
		       "{\"type\":\"resume\",\"epoch\":\"e\",\"position\":7,"
		       "\"rooms\":[]}");
	buf_release(&b);
}

/* At every limit below the need: an error, and what was there is untouched. */
Test(envelope, writing_is_all_or_nothing)
{
	struct buf whole, b;

	buf_init(&whole, 1000);
	cr_assert_eq(envelope_add_message(&whole, SLICE("room"), SLICE("event"),
					  SLICE("[1,2]"), SLICE("me"), 1, 2),
		     ERR_OK);
	for (size_t limit = 3; limit < whole.len + 3; limit++) {
		buf_init(&b, limit);
		cr_assert_eq(buf_add_str(&b, "abc"), ERR_OK);
		cr_assert_eq(
			envelope_add_message(&b, SLICE("room"), SLICE("event"),
					     SLICE("[1,2]"), SLICE("me"), 1, 2),
			ERR_LIMIT);
		assert_slice(buf_slice(&b), "abc");
		buf_release(&b);
	}
	buf_init(&b, whole.len);
	cr_assert_eq(envelope_add_message(&b, SLICE("room"), SLICE("event"),
					  SLICE("[1,2]"), SLICE("me"), 1, 2),
		     ERR_OK);
	buf_release(&b);
	buf_release(&whole);
}

Test(envelope, what_is_written_reads_back)
{
	struct trial t;
	struct buf b;

	buf_init(&b, 1000);
	cr_assert_eq(envelope_add_message(
			     &b, SLICE("a\"\xc3\xa9\\"), SLICE("\xe2\x82\xac"),
			     SLICE("\"\\u0000\""), SLICE("x\"y"), 5, 6),
		     ERR_OK);
	cr_assert_eq(buf_add(&b, "", 1), ERR_OK);
	assert_ok(&t, b.data);
	cr_assert_eq(t.e.type, ENVELOPE_MESSAGE);
	assert_slice(t.e.room, "a\"\xc3\xa9\\");
	assert_slice(t.e.event, "\xe2\x82\xac");
	assert_slice(t.e.data, "\"\\u0000\"");
	assert_slice(t.e.from, "x\"y");
	cr_assert_eq(t.e.seq, 5);
	cr_assert_eq(t.e.position, 6);
	trial_end(&t);
	buf_release(&b);
}

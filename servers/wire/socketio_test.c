/* SPDX-License-Identifier: MIT */
#include "servers/wire/socketio.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

#define NO_ID UINT64_MAX

static const struct {
	const char *text;
	enum socketio_type type;
	unsigned attachments;
	const char *nsp;
	uint64_t id;
	const char *data;
} good[] = {
	{"0", SOCKETIO_CONNECT, 0, "/", NO_ID, ""},
	{"0{}", SOCKETIO_CONNECT, 0, "/", NO_ID, "{}"},
	{"0/admin,", SOCKETIO_CONNECT, 0, "/admin", NO_ID, ""},
	{"0/admin", SOCKETIO_CONNECT, 0, "/admin", NO_ID, ""},
	{"0/admin,{\"token\":\"x\"}", SOCKETIO_CONNECT, 0, "/admin", NO_ID,
	 "{\"token\":\"x\"}"},
	{"1", SOCKETIO_DISCONNECT, 0, "/", NO_ID, ""},
	{"1/admin,", SOCKETIO_DISCONNECT, 0, "/admin", NO_ID, ""},
	{"1/admin", SOCKETIO_DISCONNECT, 0, "/admin", NO_ID, ""},
	{"17", SOCKETIO_DISCONNECT, 0, "/", 7, ""},
	{"2[\"a\",1]", SOCKETIO_EVENT, 0, "/", NO_ID, "[\"a\",1]"},
	{"2/admin,456[\"project:delete\",123]", SOCKETIO_EVENT, 0, "/admin",
	 456, "[\"project:delete\",123]"},
	{"212[\"a\"]", SOCKETIO_EVENT, 0, "/", 12, "[\"a\"]"},
	{"20[\"a\"]", SOCKETIO_EVENT, 0, "/", 0, "[\"a\"]"},
	{"2007[\"a\"]", SOCKETIO_EVENT, 0, "/", 7, "[\"a\"]"},
	{"29007199254740991[\"a\"]", SOCKETIO_EVENT, 0, "/", 9007199254740991,
	 "[\"a\"]"},
	{"2[1,\"x\"]", SOCKETIO_EVENT, 0, "/", NO_ID, "[1,\"x\"]"},
	{"2[-1.5e3]", SOCKETIO_EVENT, 0, "/", NO_ID, "[-1.5e3]"},
	{"2[\"Connect\"]", SOCKETIO_EVENT, 0, "/", NO_ID, "[\"Connect\"]"},
	{"2[\"connecting\"]", SOCKETIO_EVENT, 0, "/", NO_ID,
	 "[\"connecting\"]"},
	{"2[\"\"]", SOCKETIO_EVENT, 0, "/", NO_ID, "[\"\"]"},
	{"2[\"a\\n\"]", SOCKETIO_EVENT, 0, "/", NO_ID, "[\"a\\n\"]"},
	{"2[ \"a\" ] \n", SOCKETIO_EVENT, 0, "/", NO_ID, "[ \"a\" ]"},
	{"2/,[\"a\"]", SOCKETIO_EVENT, 0, "/", NO_ID, "[\"a\"]"},
	{"2/\xc3\xbc,[\"a\"]", SOCKETIO_EVENT, 0, "/\xc3\xbc", NO_ID,
	 "[\"a\"]"},
	{"3[]", SOCKETIO_ACK, 0, "/", NO_ID, "[]"},
	{"3/admin,456[\"ok\"]", SOCKETIO_ACK, 0, "/admin", 456, "[\"ok\"]"},
	{"4{\"message\":\"no\"}", SOCKETIO_CONNECT_ERROR, 0, "/", NO_ID,
	 "{\"message\":\"no\"}"},
	{"4/x,\"no\"", SOCKETIO_CONNECT_ERROR, 0, "/x", NO_ID, "\"no\""},
	{"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", SOCKETIO_BINARY_EVENT,
	 1, "/", NO_ID, "[\"a\",{\"_placeholder\":true,\"num\":0}]"},
	{"52-/admin,456[\"a\"]", SOCKETIO_BINARY_EVENT, 2, "/admin", 456,
	 "[\"a\"]"},
	{"510-[\"a\"]", SOCKETIO_BINARY_EVENT, 10, "/", NO_ID, "[\"a\"]"},
	{"61-/admin,456[{}]", SOCKETIO_BINARY_ACK, 1, "/admin", 456, "[{}]"},
	{"61-[]", SOCKETIO_BINARY_ACK, 1, "/", NO_ID, "[]"},
};

Test(socketio, decode_good)
{
	struct socketio_packet p;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const char *text = good[i].text;

		cr_assert_eq(socketio_decode(slice_str(text), &p), ERR_OK, "%s",
			     text);
		cr_assert_eq(p.type, good[i].type, "%s", text);
		cr_assert_eq(p.attachments, good[i].attachments, "%s", text);
		cr_assert(slice_is(p.nsp, good[i].nsp), "%s", text);
		cr_assert_eq(p.has_id, good[i].id != NO_ID, "%s", text);
		if (p.has_id)
			cr_assert_eq(p.id, good[i].id, "%s", text);
		cr_assert(slice_is(p.data, good[i].data), "%s", text);
	}
}

/* What socket.io-parser 4.2 refuses, too. */
static const char *const wrong[] = {
	"-",
	"a",
	"/",
	"7",
	"7[]",
	"0[]",
	"0null",
	"0\"x\"",
	"0{\"a\":1",
	"1{}",
	"1[]",
	"2[]",
	"2[null]",
	"2[true]",
	"2[[\"a\"]]",
	"2{}",
	"2\"a\"",
	"2abc",
	"2abc[\"a\"]",
	"2[\"a\"]x",
	"2[\"a\"",
	"2[01]",
	"2[\"connect\"]",
	"2[\"connect_error\"]",
	"2[\"disconnect\"]",
	"2[\"disconnecting\"]",
	"2[\"newListener\"]",
	"2[\"removeListener\"]",
	"2[\"conn\\u0065ct\"]",
	"21[\"\\u0063onnect\"]",
	"21.5[\"a\"]",
	"2-1[\"a\"]",
	"2/a,b,[\"a\"]",
	"3{}",
	"3-1[]",
	"4abc",
	"4[]",
	"4null",
	"50-[\"a\"]",
	"5",
	"51",
	"5[\"a\"]",
	"5-[\"a\"]",
	"51[\"a\"]",
	"5-1-[\"a\"]",
	"51-{}",
	"51-[]",
	"51-[\"connect\"]",
	"6[]",
	"60-[]",
	"61-{}",
};

/* What that parser lets through, and we do not (socketio.h says why). */
static const char *const wrong_to_us[] = {
	"",
	"2",
	"2/admin,",
	"2/admin[\"a\"]",
	"21",
	"3",
	"31",
	"4",
	"4/x,",
	"2 [\"a\"]",
	"2 1[\"a\"]",
	"1 ",
	"29007199254740992[\"a\"]",
	"299999999999999999999999999999[\"a\"]",
	"51e0-[\"a\"]",
	"51.0-[\"a\"]",
	"51-",
	"2/\xff,[\"a\"]",
};

Test(socketio, decode_wrong)
{
	struct socketio_packet p;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(socketio_decode(slice_str(wrong[i]), &p),
			     ERR_PROTO, "%s", wrong[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong_to_us); i++)
		cr_assert_eq(socketio_decode(slice_str(wrong_to_us[i]), &p),
			     ERR_PROTO, "%s", wrong_to_us[i]);
}

Test(socketio, decode_limits_attachments)
{
	struct socketio_packet p;

	cr_assert_eq(socketio_decode(SLICE("511-[\"a\"]"), &p), ERR_LIMIT);
	cr_assert_eq(socketio_decode(SLICE("611-[]"), &p), ERR_LIMIT);
	cr_assert_eq(socketio_decode(
			     SLICE("599999999999999999999999999-[\"a\"]"), &p),
		     ERR_LIMIT);
}

Test(socketio, decode_borrows_from_its_input)
{
	struct slice text = SLICE("2/admin,1[\"a\"]");
	struct socketio_packet p;

	cr_assert_eq(socketio_decode(text, &p), ERR_OK);
	cr_assert_eq(p.nsp.p, text.p + 1);
	cr_assert_eq(p.data.p, text.p + 9);
}

Test(socketio, reserved_events)
{
	cr_assert(socketio_reserved_event(SLICE("connect")));
	cr_assert(socketio_reserved_event(SLICE("removeListener")));
	cr_assert(!socketio_reserved_event(SLICE("")));
	cr_assert(!socketio_reserved_event(SLICE("message")));
	cr_assert(!socketio_reserved_event(SLICE("connec")));
	cr_assert(!socketio_reserved_event(SLICE("connect ")));
}

/* Encoding a decoded packet gives a packet that decodes to the same. */
Test(socketio, encode_round_trip)
{
	struct socketio_packet p, back;
	struct buf b;

	buf_init(&b, 256);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		buf_clear(&b);
		cr_assert_eq(socketio_decode(slice_str(good[i].text), &p),
			     ERR_OK);
		cr_assert_eq(socketio_encode(&b, &p), ERR_OK);
		cr_assert_eq(socketio_decode(buf_slice(&b), &back), ERR_OK);
		cr_assert_eq(back.type, p.type);
		cr_assert_eq(back.attachments, p.attachments);
		cr_assert(slice_eq(back.nsp, p.nsp));
		cr_assert_eq(back.has_id, p.has_id);
		cr_assert_eq(back.id, p.id);
		cr_assert(slice_eq(back.data, p.data));
	}
	buf_release(&b);
}

Test(socketio, encode_writes_what_the_peer_expects)
{
	struct buf b;

	buf_init(&b, 64);
	cr_assert_eq(socketio_encode_head(&b, SOCKETIO_BINARY_EVENT, 2,
					  SLICE("/admin"), true, 456),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "52-/admin,456"));
	buf_clear(&b);
	cr_assert_eq(socketio_encode_head(&b, SOCKETIO_EVENT, 2, SLICE("/"),
					  false, 456),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "2"));
	buf_clear(&b);
	cr_assert_eq(socketio_encode_head(&b, SOCKETIO_ACK, 0,
					  slice_of(NULL, 0), true, 0),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "30"));
	buf_release(&b);
}

Test(socketio, encode_keeps_the_limit)
{
	struct socketio_packet p;
	struct buf b;

	cr_assert_eq(socketio_decode(SLICE("52-/ab,12[\"a\"]"), &p), ERR_OK);
	for (size_t limit = 2; limit < 15; limit++) {
		buf_init(&b, limit);
		cr_assert_eq(buf_add_str(&b, "4b"), ERR_OK);
		cr_assert_eq(socketio_encode(&b, &p), ERR_LIMIT);
		cr_assert(slice_is(buf_slice(&b), "4b"));
		buf_release(&b);
	}
}

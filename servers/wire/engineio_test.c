/* SPDX-License-Identifier: MIT */
#include "servers/wire/engineio.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "servers/base/check.h"

static void expect_buf(struct buf *b, const char *text)
{
	cr_assert(slice_is(buf_slice(b), text), "\"%.*s\", not \"%s\"",
		  SLICE_ARG(buf_slice(b)), text);
	buf_clear(b);
}

Test(engineio, decode_knows_every_type)
{
	static const char texts[] = "0123456";
	struct engineio_packet p;

	for (int i = 0; i < 7; i++) {
		char text[] = {texts[i], 'x', 'y', '\0'};

		cr_assert_eq(engineio_decode(slice_str(text), &p), ERR_OK);
		cr_assert_eq((int)p.type, i);
		cr_assert(!p.binary);
		cr_assert(slice_is(p.data, "xy"));
	}
	cr_assert_eq(engineio_decode(SLICE("4"), &p), ERR_OK);
	cr_assert_eq(p.type, ENGINEIO_MESSAGE);
	cr_assert_eq(p.data.n, 0);
	cr_assert_eq(engineio_decode(SLICE("2probe"), &p), ERR_OK);
	cr_assert_eq(p.type, ENGINEIO_PING);
	cr_assert(slice_is(p.data, "probe"));
}

Test(engineio, decode_takes_binary)
{
	struct engineio_packet p;

	cr_assert_eq(engineio_decode(SLICE("bAQIDBA=="), &p), ERR_OK);
	cr_assert_eq(p.type, ENGINEIO_MESSAGE);
	cr_assert(p.binary);
	cr_assert(slice_is(p.data, "AQIDBA=="));
	cr_assert_eq(engineio_decode(SLICE("b"), &p), ERR_OK);
	cr_assert_eq(p.data.n, 0);
}

Test(engineio, decode_refuses_the_rest)
{
	static const char *const wrong[] = {"",	 "7", "9x",   "a",   "/",
					    ":", "B", "\x1e", "\xff"};
	struct engineio_packet p;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(engineio_decode(slice_str(wrong[i]), &p),
			     ERR_PROTO, "case %zu", i);
}

/* The packets of a payload, each with a comma after it. */
static void expect_split(struct slice payload, const char *want)
{
	struct slice packet;
	struct buf got;

	buf_init(&got, 64);
	cr_assert_eq(buf_add_char(&got, ':'), ERR_OK);
	while (engineio_split(&payload, &packet)) {
		cr_assert_eq(buf_add_slice(&got, packet), ERR_OK);
		cr_assert_eq(buf_add_char(&got, ','), ERR_OK);
	}
	expect_buf(&got, want);
	buf_release(&got);
}

Test(engineio, split_keeps_empty_packets)
{
	expect_split(SLICE("4a"), ":4a,");
	expect_split(SLICE("4a\x1e"
			   "2\x1e"
			   "bAQ=="),
		     ":4a,2,bAQ==,");
	expect_split(SLICE("4a\x1e"), ":4a,,");
	expect_split(SLICE("\x1e\x1e"), ":,,,");
	expect_split(SLICE(""), ":,");
	expect_split(slice_of(NULL, 0), ":");
}

Test(engineio, encode)
{
	struct buf b;

	buf_init(&b, 8);
	cr_assert_eq(engineio_encode(&b, ENGINEIO_MESSAGE, SLICE("hello")),
		     ERR_OK);
	expect_buf(&b, "4hello");
	cr_assert_eq(engineio_encode(&b, ENGINEIO_NOOP, slice_of(NULL, 0)),
		     ERR_OK);
	cr_assert_eq(engineio_encode(&b, ENGINEIO_PONG, SLICE("probeee")),
		     ERR_LIMIT);
	expect_buf(&b, "6");
	buf_release(&b);
}

/* RFC 4648 section 10 */
static const char *const base64_pairs[][2] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xff\xbf", "+/+/"},
};

Test(engineio, base64_both_ways)
{
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < ARRAY_SIZE(base64_pairs); i++) {
		const char *bytes = base64_pairs[i][0];
		struct slice text = slice_str(base64_pairs[i][1]);

		cr_assert_eq(engineio_encode_binary(&b, slice_str(bytes)),
			     ERR_OK);
		cr_assert_eq(b.data[0], 'b');
		cr_assert(slice_eq(slice_after(buf_slice(&b), 1), text));
		buf_clear(&b);
		cr_assert_eq(engineio_decode_base64(text, &b), ERR_OK);
		expect_buf(&b, bytes);
		while (text.n && text.p[text.n - 1] == '=')
			text.n--;
		cr_assert_eq(engineio_decode_base64(text, &b), ERR_OK);
		expect_buf(&b, bytes);
	}
	buf_release(&b);
}

Test(engineio, base64_every_byte_value)
{
	char bytes[256];
	struct buf text, back;

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	buf_init(&text, 1024);
	buf_init(&back, 256);
	for (size_t n = 0; n <= 256; n++) {
		buf_clear(&text);
		buf_clear(&back);
		cr_assert_eq(engineio_encode_binary(&text, slice_of(bytes, n)),
			     ERR_OK);
		cr_assert_eq(engineio_decode_base64(
				     slice_after(buf_slice(&text), 1), &back),
			     ERR_OK);
		cr_assert(slice_eq(buf_slice(&back), slice_of(bytes, n)));
	}
	buf_release(&text);
	buf_release(&back);
}

Test(engineio, base64_refuses_what_no_encoder_writes)
{
	static const char *const wrong[] = {
		"A",	"A=",	"A==",	    "A===",	"=",
		"====", "Zg=",	"Z=g=",	    "Zg==Zg==", "Zm9v=",
		"Zh==", "Zm9=", "Zm9v ",    "Zm 9v",	"Zm9\n",
		"Zm-v", "Zm_v", "Zm9v\xff", "Zm9vYg==="};
	struct buf b;

	buf_init(&b, 64);
	cr_assert_eq(buf_add_str(&b, "kept"), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cr_assert_eq(engineio_decode_base64(slice_str(wrong[i]), &b),
			     ERR_PROTO, "\"%s\"", wrong[i]);
		cr_assert(slice_is(buf_slice(&b), "kept"));
	}
	buf_release(&b);
}

Test(engineio, base64_respects_the_limit)
{
	struct buf b;

	buf_init(&b, 5);
	cr_assert_eq(engineio_decode_base64(SLICE("Zm9vYmFy"), &b), ERR_LIMIT);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(engineio_encode_binary(&b, SLICE("foob")), ERR_LIMIT);
	cr_assert_eq(engineio_encode_binary(&b, slice_of("", SIZE_MAX)),
		     ERR_LIMIT);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(engineio_decode_base64(SLICE("Zm9vYmE="), &b), ERR_OK);
	cr_assert_eq(engineio_encode_binary(&b, slice_of(NULL, 0)), ERR_LIMIT);
	expect_buf(&b, "fooba");
	cr_assert_eq(engineio_encode_binary(&b, slice_of(NULL, 0)), ERR_OK);
	expect_buf(&b, "b");
	buf_release(&b);
}

Test(engineio, open_both_ways)
{
	struct engineio_open open = {"lv_VI97HAXpY6yYWAAAB", true, 25000, 20000,
				     1000000};
	struct engineio_open back;
	struct buf b;

	buf_init(&b, 256);
	cr_assert_eq(engineio_encode_open(&b, &open), ERR_OK);
	cr_assert_eq(engineio_parse_open(buf_slice(&b), &back), ERR_OK);
	expect_buf(&b, "{\"sid\":\"lv_VI97HAXpY6yYWAAAB\","
		       "\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
		       "\"pingTimeout\":20000,\"maxPayload\":1000000}");
	cr_assert_str_eq(back.sid, open.sid);
	cr_assert(back.upgrade);
	cr_assert_eq(back.ping_interval_ms, 25000);
	cr_assert_eq(back.ping_timeout_ms, 20000);
	cr_assert_eq(back.max_payload, 1000000);
	open.upgrade = false;
	cr_assert_eq(engineio_encode_open(&b, &open), ERR_OK);
	cr_assert_eq(engineio_parse_open(buf_slice(&b), &back), ERR_OK);
	cr_assert(!back.upgrade);
	buf_release(&b);
	buf_init(&b, 100);
	cr_assert_eq(engineio_encode_open(&b, &open), ERR_LIMIT);
	cr_assert_eq(b.len, 0);
	buf_release(&b);
}

Test(engineio, parse_open_needs_its_members)
{
	static const char *const good[] = {
		"{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2}",
		" {\"pingTimeout\":2,\"x\":[{}],\"pingInterval\":1,\"upgrades\":"
		"[\"webtransport\"],\"sid\":\"a\"} ",
	};
	static const char *const wrong[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"sid\":\"a\",\"pingInterval\":1}",
		"{\"sid\":\"a\",\"pingInterval\":0,\"pingTimeout\":2}",
		"{\"sid\":\"a\",\"pingInterval\":1e3,\"pingTimeout\":2}",
		"{\"sid\":\"a\",\"pingInterval\":4294967297,\"pingTimeout\":2}",
		"{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":2}",
		"{\"sid\":7,\"pingInterval\":1,\"pingTimeout\":2}",
		"{\"sid\":\"a b\",\"pingInterval\":1,\"pingTimeout\":2}",
		"{\"sid\":\"a\\r\",\"pingInterval\":1,\"pingTimeout\":2}",
		"{\"sid\":\"\xc3\xa9\",\"pingInterval\":1,\"pingTimeout\":2}",
		("{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2,"
		 "\"upgrades\":{}}"),
		("{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2,"
		 "\"maxPayload\":\"1\"}"),
		"{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":2}x",
	};
	struct engineio_open open;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cr_assert_eq(engineio_parse_open(slice_str(good[i]), &open),
			     ERR_OK, "%s", good[i]);
		cr_assert_str_eq(open.sid, "a");
		cr_assert_eq(open.ping_interval_ms, 1);
		cr_assert_eq(open.ping_timeout_ms, 2);
		cr_assert_eq(open.max_payload, 0);
		cr_assert(!open.upgrade);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(engineio_parse_open(slice_str(wrong[i]), &open),
			     ERR_PROTO, "%s", wrong[i]);
}

Test(engineio, parse_open_bounds_the_id)
{
	struct engineio_open open;
	struct buf b;

	buf_init(&b, 256);
	for (size_t n = ENGINEIO_SID_MAX; n <= ENGINEIO_SID_MAX + 1; n++) {
		buf_clear(&b);
		cr_assert_eq(buf_printf(&b,
					"{\"sid\":\"%0*d\",\"pingInterval\":1,"
					"\"pingTimeout\":2}",
					(int)n, 7),
			     ERR_OK);
		cr_assert_eq(engineio_parse_open(buf_slice(&b), &open),
			     n == ENGINEIO_SID_MAX ? ERR_OK : ERR_PROTO);
	}
	cr_assert_eq(strlen(open.sid), (size_t)ENGINEIO_SID_MAX);
	buf_release(&b);
}

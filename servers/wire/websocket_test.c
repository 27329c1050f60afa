/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "servers/base/check.h"
#include "servers/wire/websocket.h"

/* --- Handshake and frames out --------------------------------------------- */

Test(websocket, accept_of_the_example_in_rfc_6455)
{
	char out[WS_ACCEPT_CHARS + 1];

	ws_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), out);
	cr_assert_str_eq(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

Test(websocket, keys_are_base64_of_16_bytes)
{
	char key[WS_KEY_CHARS + 1], other[WS_KEY_CHARS + 1];

	cr_assert(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25jZQ==")));
	cr_assert(ws_key_valid(SLICE("AQIDBAUGBwgJCgsMDQ4PEC==")));
	cr_assert(ws_key_valid(SLICE("++//AAAAAAAAAAAAAAAAAA==")));
	cr_assert_not(ws_key_valid(SLICE("")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25jZQ=")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25jZTEy")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25jZ===")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25j Q==")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25-ZQ==")));
	cr_assert_not(ws_key_valid(SLICE("dGhlIHNhbXBsZSBub25jZQ==x")));
	ws_key_new(key);
	ws_key_new(other);
	cr_assert(ws_key_valid(slice_str(key)));
	cr_assert_str_neq(key, other);
}

static void assert_header(uint64_t payload, const uint8_t *mask,
			  const char *want, size_t n)
{
	uint8_t out[WS_HEADER_MAX];

	cr_assert_eq(ws_header(out, true, 0, WS_BINARY, payload, mask), n);
	cr_assert_eq(memcmp(out, want, n), 0);
}

Test(websocket, headers_use_the_shortest_length)
{
	const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t out[WS_HEADER_MAX];

	assert_header(0, NULL, "\x82\x00", 2);
	assert_header(125, NULL, "\x82\x7d", 2);
	assert_header(126, NULL, "\x82\x7e\x00\x7e", 4);
	assert_header(65535, NULL, "\x82\x7e\xff\xff", 4);
	assert_header(65536, NULL, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
		      10);
	assert_header(5, mask, "\x82\x85\x01\x02\x03\x04", 6);
	assert_header(65536, mask,
		      "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03"
		      "\x04",
		      14);
	cr_assert_eq(ws_header(out, false, 4, WS_TEXT, 1, NULL), 2);
	cr_assert_eq(out[0], 0x41);
}

Test(websocket, masking_from_any_offset_is_bytewise_xor)
{
	const uint8_t mask[4] = {0xa1, 0x02, 0xf3, 0x44};
	uint8_t got[64];

	for (size_t offset = 0; offset < 9; offset++) {
		for (size_t n = 0; n < 40; n++) {
			memset(got, 0x5a, sizeof(got));
			ws_mask(got, n, mask, offset);
			for (size_t i = 0; i < sizeof(got); i++) {
				uint8_t key =
					i < n ? mask[(offset + i) % 4] : 0;

				cr_assert_eq(got[i], 0x5a ^ key);
			}
		}
	}
}

Test(websocket, close_reasons_are_cut_on_a_character)
{
	char reason[200];
	struct slice got;
	unsigned code;
	struct buf b;

	memset(reason, 'x', sizeof(reason));
	memcpy(reason + 122, "\xe2\x82\xac", 3);
	buf_init(&b, 1000);
	cr_assert_eq(ws_add_close(&b, 1001, slice_of(reason, 200), false),
		     ERR_OK);
	cr_assert_eq(b.len, 2 + 2 + 122);
	ws_close_parse(slice_of(b.data + 2, b.len - 2), &code, &got);
	cr_assert_eq(code, 1001);
	cr_assert_eq(got.n, 122);
	buf_clear(&b);
	cr_assert_eq(ws_add_close(&b, WS_CLOSE_NONE, SLICE(""), false), ERR_OK);
	cr_assert(slice_eq(buf_slice(&b), slice_of("\x88\x00", 2)));
	ws_close_parse(slice_of(b.data + 2, 0), &code, &got);
	cr_assert_eq(code, WS_CLOSE_NONE);
	cr_assert_eq(got.n, 0);
	buf_release(&b);
}

Test(websocket, a_frame_over_the_limit_adds_nothing)
{
	struct buf b;

	buf_init(&b, 7);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE("abc"), false), ERR_OK);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE("a"), false), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "\x81\x03"
					  "abc"));
	buf_release(&b);
}

Test(websocket, peeking_takes_only_plain_whole_data_frames)
{
	static const struct {
		const char *bytes;
		size_t n, frame;
	} cases[] = {
		{"\x81\x02hi", 4, 4},
		{"\x82\x00", 2, 2},
		{"\x81\x02hi\x81", 5, 4},
		{"\x81\x02h", 3, 0},
		{"\x81", 1, 0},
		{"", 0, 0},
		{"\x01\x02hi", 4, 0},
		{"\xc1\x02hi", 4, 0},
		{"\x80\x02hi", 4, 0},
		{"\x89\x02hi", 4, 0},
		{"\x88\x00", 2, 0},
		{"\x81\x82zzzzhi", 8, 0},
		{"\x81\x7e\x00\x02hi", 6, 0},
		{"\x81\x7e\x00", 3, 0},
		{"\x81\x7f\0\0\0\0\0\x01\0\0", 10, 0},
	};
	static char big[4 + 65535] = "\x82\x7e\xff\xff";
	enum ws_opcode opcode;
	struct slice payload;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(ws_peek_plain(slice_of(cases[i].bytes, cases[i].n),
					   &opcode, &payload),
			     cases[i].frame, "case %zu", i);
	cr_assert_eq(ws_peek_plain(SLICE("\x81\x02hi"), &opcode, &payload), 4);
	cr_assert_eq(opcode, WS_TEXT);
	cr_assert(slice_is(payload, "hi"));
	cr_assert_eq(
		ws_peek_plain(slice_of(big, sizeof(big)), &opcode, &payload),
		sizeof(big));
	cr_assert_eq(opcode, WS_BINARY);
	cr_assert_eq(payload.n, 65535);
	cr_assert_eq(ws_peek_plain(slice_of(big, sizeof(big) - 1), &opcode,
				   &payload),
		     0);
}

/* --- The receiver --------------------------------------------------------- */

/*
 * What a receiver made of its bytes, as text: `T[hi]` for a message of "hi",
 * `B`, `C`, `P`, `O` for binary, close, ping and pong, a final `!1002` for a
 * failure.
 */
struct record {
	struct buf log;
	unsigned stop_after; /* frames, 0: never */
	unsigned frames;
};

static bool record_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct record *r = arg;
	char name = '?';

	switch (opcode) {
	case WS_TEXT:
		name = 'T';
		break;
	case WS_BINARY:
		name = 'B';
		break;
	case WS_CLOSE:
		name = 'C';
		break;
	case WS_PING:
		name = 'P';
		break;
	case WS_PONG:
		name = 'O';
		break;
	default:
		break;
	}
	cr_assert_eq(buf_add_char(&r->log, name), ERR_OK);
	cr_assert_eq(buf_add_char(&r->log, '['), ERR_OK);
	cr_assert_eq(buf_add_slice(&r->log, payload), ERR_OK);
	cr_assert_eq(buf_add_char(&r->log, ']'), ERR_OK);
	return ++r->frames != r->stop_after;
}

static const struct ws_events recording = {.on_frame = record_frame};

struct peer {
	struct ws_pool *pool;
	struct ws_receiver r;
	struct record record;
	const char *why;
};

static void peer_init(struct peer *p, bool server, size_t limit)
{
	*p = (struct peer){.pool = ws_pool_new()};
	ws_receiver_init(&p->r, server, limit);
	buf_init(&p->record.log, BUF_UNLIMITED);
}

static void peer_release(struct peer *p)
{
	ws_receiver_release(&p->r, p->pool);
	ws_pool_free(p->pool);
	buf_release(&p->record.log);
}

/* In pieces of `piece` bytes, each in memory of its own size. */
static enum err peer_feed(struct peer *p, struct slice bytes, size_t piece)
{
	unsigned code = 0;
	enum err e = ERR_OK;

	while (bytes.n > 0 && e == ERR_OK) {
		size_t n = bytes.n < piece ? bytes.n : piece;
		char *copy = xmemdupz(bytes.p, n);

		copy = xrealloc(copy, n);
		e = ws_receiver_feed(&p->r, p->pool, slice_of(copy, n),
				     &recording, &p->record, &code, &p->why);
		free(copy);
		bytes = slice_after(bytes, n);
	}
	if (e != ERR_OK)
		cr_assert_eq(buf_printf(&p->record.log, "!%u", code), ERR_OK);
	return e;
}

/*
 * Frames of a server as they stand; for our server role the same frames are
 * masked first, with the payload cut short where `bytes` is.
 */
static void mask_frames(struct slice bytes, struct buf *out)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

	while (bytes.n >= 2) {
		uint8_t first = (uint8_t)bytes.p[1];
		size_t head = first == 126 ? 4 : first == 127 ? 10 : 2;
		size_t n = first, from;

		if (bytes.n < head)
			head = bytes.n;
		if (head == 4)
			n = (size_t)(uint8_t)bytes.p[2] << 8 |
			    (uint8_t)bytes.p[3];
		if (head == 10)
			n = 65536 + ((size_t)(uint8_t)bytes.p[8] << 8 |
				     (uint8_t)bytes.p[9]);
		if (n > bytes.n - head)
			n = bytes.n - head;
		from = out->len;
		cr_assert_eq(buf_add(out, bytes.p, head), ERR_OK);
		out->data[from + 1] = (char)(first | 0x80);
		cr_assert_eq(buf_add(out, mask, 4), ERR_OK);
		cr_assert_eq(buf_add(out, bytes.p + head, n), ERR_OK);
		ws_mask((uint8_t *)out->data + from + head + 4, n, mask, 0);
		bytes = slice_after(bytes, head + n);
	}
	cr_assert_eq(buf_add_slice(out, bytes), ERR_OK);
}

static void assert_record(bool server, size_t limit, struct slice bytes,
			  size_t piece, const char *want)
{
	struct peer p;
	bool failed;

	peer_init(&p, server, limit);
	failed = peer_feed(&p, bytes, piece) != ERR_OK;
	cr_assert(slice_is(buf_slice(&p.record.log), want),
		  "%s, pieces of %zu: %.*s for %s",
		  server ? "server" : "client", piece,
		  SLICE_ARG(buf_slice(&p.record.log)), want);
	cr_assert_eq(failed, p.why != NULL);
	peer_release(&p);
}

/* Both roles, whole, byte by byte, and in pieces of some sizes between. */
static void assert_all(struct slice bytes, size_t limit, const char *want)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 5, 7};
	struct buf masked;

	buf_init(&masked, BUF_UNLIMITED);
	mask_frames(bytes, &masked);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		assert_record(false, limit, bytes, pieces[i], want);
		assert_record(true, limit, buf_slice(&masked), pieces[i], want);
	}
	buf_release(&masked);
}

#define ALL(literal, want) assert_all(SLICE(literal), 1000, want)

Test(ws_receiver, messages)
{
	ALL("", "");
	ALL("\x81\x02hi", "T[hi]");
	ALL("\x82\x02\xff\xfe", "B[\xff\xfe]");
	ALL("\x81\x00\x82\x00", "T[]B[]");
	ALL("\x81\x02hi\x81\x02ho\x82\x01x", "T[hi]T[ho]B[x]");
	ALL("\x81\x04\xf0\x9f\x98\x80", "T[\xf0\x9f\x98\x80]");
	ALL("\x81\x02h", "");
	ALL("\x81", "");
}

Test(ws_receiver, fragments_and_control_frames_between_them)
{
	ALL("\x01\x02he\x80\x01y", "T[hey]");
	ALL("\x02\x01x\x00\x01y\x00\x00\x80\x01z", "B[xyz]");
	ALL("\x01\x00\x80\x00", "T[]");
	ALL("\x01\x01h\x89\x01p\x80\x01i\x81\x01z", "P[p]T[hi]T[z]");
	ALL("\x01\x01h\x8a\x00\x89\x00\x00\x01i\x8a\x01q\x80\x00",
	    "O[]P[]O[q]T[hi]");
	ALL("\x01\x01h\x88\x02\x03\xe8", "C[\x03\xe8]");
	/* a parser from the pool has forgotten the last control frame */
	ALL("\x89\x02xy\x8a\x01z", "P[xy]O[z]");
	/* a character over three fragments */
	ALL("\x01\x02z\xe2\x00\x01\x82\x80\x01\xac", "T[z\xe2\x82\xac]");
	ALL("\x01\x01h\x00\x01i", "");
}

Test(ws_receiver, after_a_close_all_is_ignored)
{
	ALL("\x88\x00\x81\x02hi", "C[]");
	ALL("\x88\x05\x03\xe9"
	    "bye\xff\xff\xff",
	    "C[\x03\xe9"
	    "bye]");
}

Test(ws_receiver, close_payloads)
{
	static const unsigned valid[] = {1000, 1001, 1002, 1003, 1007, 1008,
					 1009, 1010, 1011, 1012, 1013, 1014,
					 3000, 3999, 4000, 4999};
	static const unsigned invalid[] = {0,	 1,    999,  1004, 1005,
					   1006, 1015, 1016, 1100, 2000,
					   2999, 5000, 9999, 65535};
	char want[16];

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		char bytes[] = {'\x88', 2, (char)(valid[i] >> 8),
				(char)valid[i]};
		size_t n = (size_t)snprintf(want, sizeof(want), "C[%c%c]",
					    bytes[2], bytes[3]);

		cr_assert_eq(n, 5);
		assert_all(slice_of(bytes, 4), 1000, want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		char bytes[] = {'\x88', 2, (char)(invalid[i] >> 8),
				(char)invalid[i]};

		assert_all(slice_of(bytes, 4), 1000, "!1002");
	}
	ALL("\x88\x01\x03", "!1002");
	ALL("\x88\x03\x03\xe8\xff", "!1007");
	ALL("\x88\x05\x03\xe8"
	    "a\xe2\x82",
	    "!1007");
	ALL("\x88\x05\x03\xe8\xe2\x82\xac", "C[\x03\xe8\xe2\x82\xac]");
}

Test(ws_receiver, what_breaks_the_protocol)
{
	ALL("\xc1\x00", "!1002");
	ALL("\xa1\x00", "!1002");
	ALL("\x91\x00", "!1002");
	ALL("\x81\x01"
	    "a\xc9\x00",
	    "T[a]!1002");
	ALL("\x83\x00", "!1002");
	ALL("\x87\x00", "!1002");
	ALL("\x8b\x00", "!1002");
	ALL("\x8f\x00", "!1002");
	ALL("\x80\x00", "!1002");
	ALL("\x00\x00", "!1002");
	ALL("\x01\x01h\x81\x01i", "!1002");
	ALL("\x01\x01h\x02\x01i", "!1002");
	ALL("\x01\x01h\x80\x00\x80\x00", "T[h]!1002");
	ALL("\x09\x00", "!1002");
	ALL("\x08\x02\x03\xe8", "!1002");
	ALL("\x89\x7e\x00\x7e", "!1002");
	ALL("\x89\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "!1002");
	ALL("\x82\x7e\x00\x7d", "!1002");
	ALL("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "!1002");
	ALL("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00", "!1002");
	ALL("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "!1002");
}

Test(ws_receiver, masking_is_enforced)
{
	assert_record(true, 10, SLICE("\x81\x02hi"), SIZE_MAX, "!1002");
	assert_record(true, 10, SLICE("\x81\x02hi"), 1, "!1002");
	assert_record(false, 10, SLICE("\x81\x82\0\0\0\0hi"), SIZE_MAX,
		      "!1002");
	assert_record(false, 10, SLICE("\x81\x82\0\0\0\0hi"), 1, "!1002");
}

Test(ws_receiver, text_that_is_not_utf8)
{
	ALL("\x81\x01\xff", "!1007");
	ALL("\x81\x03\xed\xa0\x80", "!1007");
	ALL("\x81\x02z\xe2", "!1007");
	ALL("\x01\x02z\xe2\x80\x01z", "!1007");
	ALL("\x01\x02z\xe2\x80\x00", "!1007");
	ALL("\x01\x02z\xe2\x89\x00\x80\x01\x28", "P[]!1007");
	ALL("\x02\x02z\xe2\x80\x01z", "B[z\xe2z]");
	ALL("\x89\x01\xff", "P[\xff]");
}

/* The verdict comes with the first byte that decides it, not later. */
Test(ws_receiver, failing_at_the_first_wrong_byte)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *want;
	} cases[] = {
		{"\xc1", 1, "!1002"},
		{"\x83", 1, "!1002"},
		{"\x80", 1, "!1002"},
		{"\x09", 1, "!1002"},
		{"\x81\x80", 2, "!1002"}, /* masked by a server */
		{"\x89\x7e", 2, "!1002"},
		{"\x82\x7e\x00\x10", 4, "!1002"},
		{"\x82\x7e\x03\xe9", 4, "!1009"},
		{"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00", 10, "!1009"},
		{"\x81\x7d"
		 "abc\xff",
		 6, "!1007"},
		{"\x01\x7d"
		 "ab\xe2\x28",
		 6, "!1007"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice all = slice_of(cases[i].bytes, cases[i].n);

		assert_record(false, 1000, all, SIZE_MAX, cases[i].want);
		assert_record(false, 1000, all, 1, cases[i].want);
		assert_record(false, 1000, slice_of(all.p, all.n - 1), 1, "");
		assert_record(false, 1000, slice_of(all.p, all.n - 1), SIZE_MAX,
			      "");
	}
}

Test(ws_receiver, messages_up_to_the_limit)
{
	assert_all(SLICE("\x81\x04"
			 "abcd\x01\x02"
			 "ab\x80\x02"
			 "cd"),
		   4, "T[abcd]T[abcd]");
	assert_all(SLICE("\x81\x05"
			 "abcde"),
		   4, "!1009");
	assert_all(SLICE("\x01\x04"
			 "abcd\x80\x01"
			 "e"),
		   4, "!1009");
	assert_all(SLICE("\x01\x04"
			 "abcd\x89\x05"
			 "abcde\x80\x00"),
		   4, "P[abcde]T[abcd]");
	assert_all(SLICE("\x02\x01z\x00\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
		   1000, "!1009");
	assert_all(SLICE("\x82\x00\x02\x00\x80\x01z"), 0, "B[]!1009");
}

/* Lengths of each form, cut at many places, through wslay and without. */
Test(ws_receiver, long_payloads)
{
	static const size_t lengths[] = {125,  126,   127,   4095,  4096,
					 4097, 65535, 65536, 65537, 200000};
	static const size_t pieces[] = {SIZE_MAX, 1, 13, 1000, 4096, 65536};
	struct buf payload, frames;
	struct peer p;

	buf_init(&payload, BUF_UNLIMITED);
	buf_init(&frames, BUF_UNLIMITED);
	for (size_t i = 0; i < 200000; i++)
		cr_assert_eq(buf_add_char(&payload, (char)(i % 251)), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * 2; i++) {
		struct slice want = slice_of(payload.data, lengths[i / 2]);

		buf_clear(&frames);
		cr_assert_eq(ws_add_frame(&frames, WS_BINARY, want, i % 2),
			     ERR_OK);
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			peer_init(&p, i % 2, 200000);
			cr_assert_eq(
				peer_feed(&p, buf_slice(&frames), pieces[k]),
				ERR_OK);
			cr_assert_eq(p.record.log.len, want.n + 3);
			cr_assert_eq(
				memcmp(p.record.log.data + 2, want.p, want.n),
				0);
			cr_assert(ws_receiver_idle(&p.r));
			peer_release(&p);
		}
	}
	buf_release(&payload);
	buf_release(&frames);
}

/* A receiver that waits for nothing owns nothing. */
Test(ws_receiver, memory_is_held_only_while_something_is_cut)
{
	struct peer p;

	peer_init(&p, false, 1000);
	cr_assert(ws_receiver_idle(&p.r));
	cr_assert_eq(peer_feed(&p, SLICE("\x81\x02hi"), SIZE_MAX), ERR_OK);
	cr_assert(ws_receiver_idle(&p.r));
	cr_assert_eq(p.r.parser, NULL);
	cr_assert_eq(p.r.message.data, NULL);
	cr_assert_eq(peer_feed(&p, SLICE("\x81"), SIZE_MAX), ERR_OK);
	cr_assert_not(ws_receiver_idle(&p.r));
	cr_assert_neq(p.r.parser, NULL);
	cr_assert_eq(peer_feed(&p, SLICE("\x02hi\x01\x01h"), SIZE_MAX), ERR_OK);
	cr_assert_eq(p.r.parser, NULL, "between fragments");
	cr_assert_not(ws_receiver_idle(&p.r));
	cr_assert_eq(peer_feed(&p, SLICE("\x80\x01i"), SIZE_MAX), ERR_OK);
	cr_assert(ws_receiver_idle(&p.r));
	cr_assert_eq(p.r.message.data, NULL);
	cr_assert(slice_is(buf_slice(&p.record.log), "T[hi]T[hi]T[hi]"));
	peer_release(&p);
}

/* More receivers at once than the pool keeps; half of them end in a cut. */
Test(ws_receiver, a_pool_serves_many_and_forgets_half_frames)
{
	enum { COUNT = 30 };
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r[COUNT];
	struct record record = {0};
	const char *why = NULL;
	unsigned code;

	buf_init(&record.log, BUF_UNLIMITED);
	for (int round = 0; round < 3; round++) {
		record.log.len = 0;
		for (int i = 0; i < COUNT; i++) {
			ws_receiver_init(&r[i], false, 100);
			cr_assert_eq(ws_receiver_feed(
					     &r[i], pool, SLICE("\x81\x03w"),
					     &recording, &record, &code, &why),
				     ERR_OK);
		}
		for (int i = 0; i < COUNT; i++) {
			if (i % 2 == 0)
				cr_assert_eq(ws_receiver_feed(
						     &r[i], pool, SLICE("xy"),
						     &recording, &record, &code,
						     &why),
					     ERR_OK);
			ws_receiver_release(&r[i], pool);
		}
		cr_assert_eq(record.log.len, COUNT / 2 * strlen("T[wxy]"));
	}
	buf_release(&record.log);
	ws_pool_free(pool);
	ws_pool_free(NULL);
}

Test(ws_receiver, after_a_failure_all_is_ignored)
{
	struct peer p;

	peer_init(&p, false, 10);
	cr_assert_eq(peer_feed(&p, SLICE("\x01\x01z\x83\x00\x81\x01x"), 1),
		     ERR_PROTO);
	cr_assert_str_eq(p.why, "reserved opcode");
	cr_assert_eq(p.r.message.data, NULL);
	cr_assert_eq(peer_feed(&p, SLICE("\x81\x01x"), 1), ERR_OK);
	cr_assert(slice_is(buf_slice(&p.record.log), "!1002"));
	cr_assert_not(ws_receiver_idle(&p.r));
	peer_release(&p);
}

static bool release_and_stop(void *arg, enum ws_opcode opcode,
			     struct slice payload)
{
	struct peer *p = arg;

	record_frame(&p->record, opcode, payload);
	ws_receiver_release(&p->r, p->pool);
	memset(&p->r, 0xa5, sizeof(p->r));
	return false;
}

/* Guards against touching a receiver that its owner has released. */
Test(ws_receiver, the_owner_may_release_it_within_the_call)
{
	static const char *const texts[] = {
		"\x81\x02hi\x81\x02ho", "\x01\x01h\x80\x01i\x81\x01z",
		"\x89\x02hi\x81\x02ho", "\x88\x02\x03\xe8"};
	const struct ws_events events = {.on_frame = release_and_stop};

	for (size_t i = 0; i < ARRAY_SIZE(texts) * 2; i++) {
		struct slice bytes = slice_str(texts[i / 2]);
		size_t piece = i % 2 ? 1 : bytes.n;
		struct peer p;
		unsigned code;

		peer_init(&p, false, 10);
		for (size_t at = 0; at < bytes.n && p.record.frames == 0;
		     at += piece)
			cr_assert_eq(
				ws_receiver_feed(&p.r, p.pool,
						 slice_of(bytes.p + at, piece),
						 &events, &p, &code, &p.why),
				ERR_OK);
		cr_assert_eq(p.record.frames, 1);
		ws_receiver_init(&p.r, false, 10);
		peer_release(&p);
	}
}

Test(ws_receiver, stopping_in_the_middle_of_a_feed)
{
	struct peer p;

	peer_init(&p, false, 10);
	p.record.stop_after = 2;
	cr_assert_eq(peer_feed(&p,
			       SLICE("\x81\x01"
				     "a\x81\x01"
				     "b\x81\x01"
				     "c"),
			       SIZE_MAX),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&p.record.log), "T[a]T[b]"));
	peer_release(&p);
}

struct nest {
	struct peer *inner;
	struct buf frames;
};

static bool feed_the_inner(void *arg, enum ws_opcode opcode,
			   struct slice payload)
{
	struct nest *n = arg;

	(void)opcode;
	cr_assert_eq(peer_feed(n->inner, buf_slice(&n->frames), SIZE_MAX),
		     ERR_OK);
	cr_assert(slice_is(payload, "outer"));
	return true;
}

/* The scratch that unmasks is shared by the pool's receivers. */
Test(ws_receiver, a_callback_may_feed_another_receiver)
{
	const struct ws_events events = {.on_frame = feed_the_inner};
	struct peer outer, inner;
	struct nest n = {.inner = &inner};
	struct buf frames;
	unsigned code;

	peer_init(&outer, true, 10);
	inner = (struct peer){.pool = outer.pool};
	ws_receiver_init(&inner.r, true, 10);
	buf_init(&inner.record.log, 1000);
	buf_init(&n.frames, 1000);
	buf_init(&frames, 1000);
	cr_assert_eq(ws_add_frame(&n.frames, WS_TEXT, SLICE("inner"), true),
		     ERR_OK);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(
			ws_add_frame(&frames, WS_TEXT, SLICE("outer"), true),
			ERR_OK);
	cr_assert_eq(ws_receiver_feed(&outer.r, outer.pool, buf_slice(&frames),
				      &events, &n, &code, &outer.why),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&inner.record.log), "T[inner]T[inner]"));
	buf_release(&frames);
	buf_release(&n.frames);
	buf_release(&inner.record.log);
	ws_receiver_release(&inner.r, outer.pool);
	peer_release(&outer);
}

static double seconds_for(size_t fragments, size_t each)
{
	char *piece = xcalloc(1, each);
	struct timespec from, to;
	struct buf frames;
	struct peer p;

	buf_init(&frames, BUF_UNLIMITED);
	for (size_t i = 0; i < fragments; i++) {
		size_t at = frames.len;
		uint8_t *head;

		cr_assert_eq(ws_add_frame(&frames,
					  i ? WS_CONTINUATION : WS_BINARY,
					  slice_of(piece, each), true),
			     ERR_OK);
		head = (uint8_t *)frames.data + at;
		if (i + 1 < fragments)
			*head &= 0x7f;
	}
	peer_init(&p, true, fragments * each);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	cr_assert_eq(peer_feed(&p, buf_slice(&frames), 65536), ERR_OK);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	cr_assert_eq(p.record.log.len, fragments * each + 3);
	peer_release(&p);
	buf_release(&frames);
	free(piece);
	return (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/*
 * 16 MiB in 65,536 fragments take milliseconds; work that grows with the
 * square of the fragments would take minutes, so the bound can be generous.
 */
Test(ws_receiver, a_message_in_many_fragments_is_linear)
{
	cr_assert_lt(seconds_for(65536, 256), 5.0);
}

Test(ws_frames, a_message_is_cut_where_it_must_be)
{
	static const struct {
		size_t size, fragment, frames;
	} table[] = {{0, 0, 1},	    {0, 4, 1},	       {4, 4, 1},
		     {5, 4, 2},	    {8, 4, 2},	       {9, 4, 3},
		     {300, 126, 3}, {70000, 65536, 2}, {70000, 0, 1}};
	static char text[70000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf b, joined;
		struct slice rest;
		size_t frames = 0;

		buf_init(&b, BUF_UNLIMITED);
		buf_init(&joined, BUF_UNLIMITED);
		cr_assert_eq(ws_add_message(&b, WS_BINARY,
					    slice_of(text, table[i].size), true,
					    table[i].fragment),
			     ERR_OK);
		rest = buf_slice(&b);
		while (rest.n > 0) {
			size_t n = (size_t)ws_frame_length(rest);
			bool last = n == rest.n;
			uint8_t first = (uint8_t)(frames ? 0 : 0x42);
			size_t head;

			cr_assert_leq(n, rest.n);
			cr_assert_eq((uint8_t)rest.p[0],
				     first | (last ? 0x80 : 0), "%zu", i);
			head = rest.p[1] == 127 ? 10 : rest.p[1] == 126 ? 4 : 2;
			cr_assert_eq(buf_add(&joined, rest.p + head, n - head),
				     ERR_OK);
			rest = slice_after(rest, n);
			frames++;
		}
		cr_assert_eq(frames, table[i].frames, "%zu", i);
		cr_assert(slice_eq(buf_slice(&joined),
				   slice_of(text, table[i].size)));
		buf_release(&b);
		buf_release(&joined);
	}
}

/* In place or copied, the same bytes, and what was before them stays. */
Test(ws_frames, a_message_is_framed_where_it_lies)
{
	static const struct {
		size_t size, fragment;
	} table[] = {{0, 0},	  {0, 4},     {1, 4},	      {4, 4},
		     {5, 4},	  {8, 4},     {9, 4},	      {300, 126},
		     {1000, 125}, {1000, 1},  {70000, 65536}, {70000, 65535},
		     {70000, 0},  {65536, 0}, {65535, 0},     {125, 0}};
	static char text[70000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct slice payload = slice_of(text, table[i].size);
		struct buf copied, moved;

		buf_init(&copied, BUF_UNLIMITED);
		buf_init(&moved, BUF_UNLIMITED);
		cr_assert_eq(buf_add_str(&copied, "head"), ERR_OK);
		cr_assert_eq(buf_add_str(&moved, "head"), ERR_OK);
		cr_assert_eq(ws_add_message(&copied, WS_TEXT, payload, false,
					    table[i].fragment),
			     ERR_OK);
		cr_assert_eq(buf_add_slice(&moved, payload), ERR_OK);
		cr_assert_eq(
			ws_frame_from(&moved, 4, WS_TEXT, table[i].fragment),
			ERR_OK);
		cr_assert(slice_eq(buf_slice(&moved), buf_slice(&copied)),
			  "%zu", i);
		buf_release(&copied);
		buf_release(&moved);
	}
}

Test(ws_frames, a_message_beyond_the_limit_leaves_nothing)
{
	struct buf b;

	buf_init(&b, 20);
	cr_assert_eq(buf_add_char(&b, 'x'), ERR_OK);
	cr_assert_eq(ws_add_message(&b, WS_TEXT, SLICE("0123456789abcdef"),
				    false, 1),
		     ERR_LIMIT);
	cr_assert_eq(b.len, 1);
	cr_assert_eq(buf_add_str(&b, "0123456789"), ERR_OK);
	cr_assert_eq(ws_frame_from(&b, 1, WS_TEXT, 1), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "x0123456789"));
	buf_release(&b);
}

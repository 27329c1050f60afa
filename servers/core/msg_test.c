/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/base/buf.h"
#include "servers/core/msg.h"
#include "servers/wire/deflate.h"

static const struct msg_event chat = {
	.nsp = {"/", 1},
	.room = {"r\"1", 3},
	.event = {"news", 4},
	.data = {"{\"a\":1.0}", 9},
	.from = {"ann", 3},
};

static struct msg_encoder node = {.epoch = "EPOCH"};

static struct msg *numbered(const struct msg_event *e)
{
	struct msg *m = msg_new_event(e);

	m->seq = 7;
	m->position = 42;
	m->encoder = &node;
	return m;
}

static void expect_frame(struct msg *m, enum wire_format format,
			 const char *bytes, size_t n)
{
	struct slice f = msg_frame(m, format);

	cr_assert_eq(f.n, n, "format %d: %zu bytes, not %zu: %.*s", format, f.n,
		     n, SLICE_ARG(f));
	cr_assert_arr_eq(f.p, bytes, n, "format %d: %.*s", format,
			 SLICE_ARG(f));
}

/* A WebSocket frame of less than 126 bytes, or of less than 64 KiB. */
static void expect_ws(struct msg *m, enum wire_format format, char first,
		      const char *text)
{
	char frame[512];
	size_t n = strlen(text), head = 2;

	frame[0] = first;
	frame[1] = (char)n;
	if (n > 125) {
		frame[1] = 126;
		frame[2] = (char)(n >> 8);
		frame[3] = (char)n;
		head = 4;
	}
	memcpy(frame + head, text, n);
	expect_frame(m, format, frame, head + n);
}

#define TEXT_FRAME ((char)0x81)
#define BINARY_FRAME ((char)0x82)
#define CHAT_OBJECT                                                            \
	"{\"type\":\"message\",\"room\":\"r\\\"1\",\"event\":\"news\","        \
	"\"data\":{\"a\":1.0},\"from\":\"ann\",\"seq\":7,\"position\":42}"
#define CHAT_PACKET                                                            \
	"42[\"news\",{\"a\":1.0},{\"room\":\"r\\\"1\",\"from\":\"ann\","       \
	"\"seq\":7}]"

Test(core, event_in_every_format)
{
	static const char sse[] =
		"id: EPOCH-42\nevent: news\ndata: " CHAT_OBJECT "\n\n";
	struct msg *m = numbered(&chat);

	expect_ws(m, FORMAT_WS, TEXT_FRAME, CHAT_OBJECT);
	expect_frame(m, FORMAT_SSE, sse, sizeof(sse) - 1);
	expect_frame(m, FORMAT_EIO_POLLING, CHAT_PACKET,
		     sizeof(CHAT_PACKET) - 1);
	expect_ws(m, FORMAT_EIO_WS, TEXT_FRAME, CHAT_PACKET);
	msg_unref(m);
}

Test(core, event_without_sender_in_a_namespace)
{
	static const char sse[] =
		"id: EPOCH-42\nevent: message\ndata: {\"type\":\"message\","
		"\"room\":\"a\","
		"\"event\":\"message\",\"data\":null,\"seq\":7,"
		"\"position\":42}\n\n";
	static const char packet[] =
		"42/chat,[\"message\",null,{\"room\":\"a\",\"seq\":7}]";
	struct msg_event e = {
		.nsp = SLICE("/chat"),
		.room = SLICE("a"),
		.event = SLICE("message"),
	};
	struct msg *m = numbered(&e);

	expect_frame(m, FORMAT_SSE, sse, sizeof(sse) - 1);
	expect_frame(m, FORMAT_EIO_POLLING, packet, sizeof(packet) - 1);
	msg_unref(m);
}

Test(core, binary_event_in_every_format)
{
	static const char polling[] =
		"451-[\"news\",{\"_placeholder\":true,\"num\":0},{\"room\":"
		"\"a\",\"seq\":7}]\x1e"
		"bAAEC";
	static const char head[] =
		"451-[\"news\",{\"_placeholder\":true,\"num\":0},{\"room\":"
		"\"a\",\"seq\":7}]";
	static const char sse[] =
		"id: EPOCH-42\nevent: news\ndata: {\"type\":\"message\","
		"\"room\":\"a\",\"event\":\"news\",\"data\":{\"base64\":"
		"\"AAEC\"},\"seq\":7,\"position\":42}\n\n";
	struct msg_event e = {
		.nsp = SLICE("/"),
		.room = SLICE("a"),
		.event = SLICE("news"),
		.data = {"\0\1\2", 3},
		.flags = MSG_RAW_DATA,
	};
	struct msg *m = numbered(&e);
	char both[256];
	size_t n = sizeof(head) - 1;

	expect_frame(m, FORMAT_WS, "\x82\x03\0\1\2", 5);
	expect_frame(m, FORMAT_SSE, sse, sizeof(sse) - 1);
	expect_frame(m, FORMAT_EIO_POLLING, polling, sizeof(polling) - 1);
	both[0] = TEXT_FRAME;
	both[1] = (char)n;
	memcpy(both + 2, head, n);
	memcpy(both + 2 + n, "\x82\x03\0\1\2", 5);
	expect_frame(m, FORMAT_EIO_WS, both, n + 7);
	msg_unref(m);
}

Test(core, empty_binary_event_is_not_null)
{
	struct msg_event e = {.nsp = SLICE("/"),
			      .room = SLICE("a"),
			      .event = SLICE("b"),
			      .flags = MSG_RAW_DATA};
	struct msg *m = numbered(&e);

	expect_frame(m, FORMAT_WS, "\x82\0", 2);
	cr_assert_eq(m->data.n, 0);
	msg_unref(m);
}

Test(core, private_text_in_every_format)
{
	struct msg *m = msg_new_private(MSG_TEXT, SLICE("43[1]"), 0);
	static const char sse[] = "data: 43[1]\n\n";

	expect_ws(m, FORMAT_WS, TEXT_FRAME, "43[1]");
	expect_ws(m, FORMAT_EIO_WS, TEXT_FRAME, "43[1]");
	expect_frame(m, FORMAT_EIO_POLLING, "43[1]", 5);
	expect_frame(m, FORMAT_SSE, sse, sizeof(sse) - 1);
	msg_unref(m);
}

Test(core, private_binary_in_every_format)
{
	struct msg *m = msg_new_private(MSG_BINARY, slice_of("\0\1\2", 3), 0);
	static const char sse[] = "data: {\"base64\":\"AAEC\"}\n\n";

	expect_frame(m, FORMAT_WS, "\x82\x03\0\1\2", 5);
	expect_frame(m, FORMAT_EIO_WS, "\x82\x03\0\1\2", 5);
	expect_frame(m, FORMAT_EIO_POLLING, "bAAEC", 5);
	expect_frame(m, FORMAT_SSE, sse, sizeof(sse) - 1);
	msg_unref(m);
}

Test(core, bytes_are_sent_as_they_are)
{
	struct msg *m = msg_new_private(MSG_BYTES, SLICE(":\n\n"), 0);

	for (int i = 0; i < FORMAT_COUNT; i++)
		expect_frame(m, (enum wire_format)i, ":\n\n", 3);
	cr_assert_eq(m->frames[FORMAT_SSE].p, m->data.p);
	msg_unref(m);
}

Test(core, message_is_encoded_once_per_format)
{
	struct msg *m = numbered(&chat);
	struct slice first = msg_frame(m, FORMAT_WS);

	m->seq = 8; /* would show if it were encoded again */
	cr_assert_eq(msg_frame(m, FORMAT_WS).p, first.p);
	cr_assert_eq(msg_encode(m, FORMAT_WS).p, first.p);
	cr_assert_eq(m->frames[FORMAT_SSE].n, 0);
	msg_unref(m);
}

Test(core, message_copies_what_it_is_made_of)
{
	char data[] = "[1,2]";
	struct msg_event e = chat;
	struct msg *m;

	e.data = slice_str(data);
	m = msg_new_event(&e);
	memset(data, 'x', sizeof(data) - 1);
	cr_assert(slice_is(m->data, "[1,2]"));
	cr_assert(slice_is(m->room, "r\"1"));
	/* Its memory, and a frame's. */
	cr_assert_geq(m->size, sizeof(*m) + 2 * (1 + 3 + 4 + 3 + 5));
	cr_assert_eq(msg_ref(m)->refs, 2);
	msg_unref(m);
	cr_assert_eq(m->refs, 1);
	msg_unref(m);
}

/* Room for a text that is worth compressing. */
#define LONG_DATA                                                                \
	"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"  \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""

static struct slice deflated(struct msg *m, unsigned bits)
{
	return msg_frame(m, (enum wire_format)(FORMAT_WS_DEFLATE + bits -
					       DEFLATE_BITS_MIN));
}

Test(core, a_long_event_is_compressed_once_per_window)
{
	struct msg_event e = {.nsp = SLICE("/"),
			      .room = SLICE("r"),
			      .event = SLICE("e"),
			      .data = SLICE(LONG_DATA)};
	struct msg_encoder encoder = {.epoch = "E"};
	struct inflater *z = inflater_new();
	struct msg *m = msg_new_event(&e);
	struct slice plain, f;
	struct buf text;

	m->encoder = &encoder;
	m->seq = 1;
	f = deflated(m, 15);
	cr_assert_not_null(encoder.deflater);
	cr_assert_eq((uint8_t)f.p[0], 0xc1);
	cr_assert_lt(f.n, 126);
	cr_assert_eq(m->frames[FORMAT_WS].n, 0, "nobody needs it");
	m->seq = 2; /* would show if it were encoded again */
	cr_assert_eq(deflated(m, 15).p, f.p);
	m->seq = 1;
	cr_assert_neq(deflated(m, 9).p, f.p);
	plain = msg_frame(m, FORMAT_WS);
	buf_init(&text, 4096);
	cr_assert_eq(inflater_add(z, slice_after(f, 2), &text), ERR_OK);
	cr_assert_eq(inflater_end(z), ERR_OK);
	cr_assert(slice_eq(buf_slice(&text), slice_after(plain, 4)));
	buf_release(&text);
	inflater_free(z);
	msg_unref(m);
	deflater_free(encoder.deflater);
}

Test(core, what_compressing_does_not_help_goes_plain)
{
	struct msg_encoder encoder = {.epoch = "E"};
	struct msg *m = numbered(&chat), *answer;
	char noise[400];
	struct msg_event e = {.nsp = SLICE("/"),
			      .room = SLICE("r"),
			      .event = SLICE("e"),
			      .data = {noise, sizeof(noise)},
			      .flags = MSG_RAW_DATA};
	uint32_t state = 1;

	m->encoder = &encoder;
	cr_assert_eq(deflated(m, 15).p, msg_frame(m, FORMAT_WS).p);
	cr_assert_null(encoder.deflater, "it is too short to try");
	msg_unref(m);
	for (size_t i = 0; i < sizeof(noise); i++) {
		state = state * 1664525 + 1013904223;
		noise[i] = (char)(state >> 24);
	}
	m = msg_new_event(&e);
	m->encoder = &encoder;
	cr_assert_eq(deflated(m, 12).p, msg_frame(m, FORMAT_WS).p);
	cr_assert_not_null(encoder.deflater);
	answer = msg_new_private(MSG_TEXT, SLICE(LONG_DATA), 0);
	answer->encoder = &encoder;
	cr_assert_eq(deflated(answer, 15).p, msg_frame(answer, FORMAT_WS).p);
	msg_unref(answer);
	msg_unref(m);
	deflater_free(encoder.deflater);
}

Test(core, a_long_message_is_cut_into_frames)
{
	struct msg_encoder encoder = {.epoch = "E", .fragment = 4};
	struct msg *m = msg_new_private(MSG_TEXT, SLICE("0123456789"), 0);

	m->encoder = &encoder;
	expect_frame(m, FORMAT_WS,
		     "\x01\x04"
		     "0123"
		     "\x00\x04"
		     "4567"
		     "\x80\x02"
		     "89",
		     16);
	msg_unref(m);
	m = msg_new_private(MSG_BINARY, SLICE("0123"), 0);
	m->encoder = &encoder;
	expect_frame(m, FORMAT_EIO_WS,
		     "\x82\x04"
		     "0123",
		     6);
	msg_unref(m);
}

Test(core, a_part_keeps_the_whole)
{
	struct msg *m = msg_new_private(MSG_TEXT, SLICE("abc"), 0);
	struct slice f = msg_frame(m, FORMAT_WS);
	struct msg *part = msg_new_part(m, slice_after(f, 2));

	cr_assert_eq(m->refs, 2);
	msg_unref(m);
	for (int i = 0; i < FORMAT_END; i++)
		expect_frame(part, (enum wire_format)i, "abc", 3);
	msg_unref(part);
}

/* SPDX-License-Identifier: MIT */
#include "bench/load/wire.h"

#include <criterion/criterion.h>
#include <string.h>

#include "clients/env.h"
#include "clients/raw.h"
#include "clients/relay.h"

static const struct wire_case usual = {.dialect = "ws",
				       .payload = 128,
				       .messages = 1,
				       .together = 1,
				       .room = "load-1",
				       .mtu = 1500};

struct least {
	const char *dialect;
	double framing, answer, request, in, out;
};

static void is(const struct wire_case *c, const struct least *expected)
{
	struct wire_bytes in, out;

	cr_assert(wire_model(c, &in, &out), "%s", c->dialect);
	cr_assert_eq(in.payload, c->payload);
	cr_assert_float_eq(in.framing, expected->framing, 1e-9, "%s: %g",
			   c->dialect, in.framing);
	cr_assert_float_eq(in.http, expected->answer, 1e-9, "%s: %g",
			   c->dialect, in.http);
	cr_assert_float_eq(out.http, expected->request, 1e-9, "%s: %g",
			   c->dialect, out.http);
	cr_assert_float_eq(in.tcp_ip, expected->in, 1e-9, "%s: %g", c->dialect,
			   in.tcp_ip);
	cr_assert_float_eq(out.tcp_ip, expected->out, 1e-9, "%s: %g",
			   c->dialect, out.tcp_ip);
	cr_assert_eq(out.payload, 0);
	cr_assert_eq(out.framing, 0);
}

/* --- By hand -------------------------------------------------------------- */

/*
 * Of the raw dialect's object 42 bytes are not data, of the relay's packet 40.
 * An answer's head is 15 bytes of status line, 15 and three digits of
 * Content-Length and two line ends; a request's is a line of 56, or of 32, and
 * 18 for Host and the end.
 */
Test(wire, one_message_of_each_dialect)
{
	static const struct least all[] = {
		{"bare", 8, 0, 0, 52, 0},
		{"ws", 42 + 4, 0, 0, 52, 0},
		{"sse", 42 + 7, 0, 0, 52, 0},
		{"longpoll", 40, 37, 74, 52, 52},
		{"longpoll+upgrade", 40 + 4, 0, 0, 52, 0},
		{"ws-plain", 4, 0, 0, 52, 0},
		{"sse-plain", 7, 0, 0, 52, 0},
		{"longpoll-plain", 0, 37, 50, 52, 52},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct wire_case c = usual;

		c.dialect = all[i].dialect;
		is(&c, &all[i]);
	}
}

/*
 * 16 messages of 128 bytes that leave together are 2,784 bytes of frames or
 * 2,832 of events, in two segments of 1,448. One answer has them in 2,710
 * bytes: nine packets with 40 bytes around the data, seven with a digit more,
 * and 15 separators.
 */
Test(wire, a_window_of_each_dialect)
{
	static const struct least all[] = {
		{"bare", 8, 0, 0, 104 / 16.0, 0},
		{"ws", 46, 0, 0, 104 / 16.0, 0},
		{"sse", 49, 0, 0, 104 / 16.0, 0},
		{"longpoll", 662 / 16.0, 38 / 16.0, 74 / 16.0, 104 / 16.0,
		 52 / 16.0},
		{"longpoll+upgrade", (9 * 44 + 7 * 45) / 16.0, 0, 0, 104 / 16.0,
		 0},
		{"ws-plain", 4, 0, 0, 104 / 16.0, 0},
		{"sse-plain", 7, 0, 0, 104 / 16.0, 0},
		{"longpoll-plain", 0, 37, 50, 52, 52},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct wire_case c = usual;

		c.dialect = all[i].dialect;
		c.messages = c.together = 16;
		is(&c, &all[i]);
	}
}

static double segments_of(const struct wire_case *c)
{
	struct wire_bytes in, out;

	cr_assert(wire_model(c, &in, &out));
	return in.tcp_ip * (double)c->messages / WIRE_SEGMENT;
}

Test(wire, a_segment_has_what_the_mtu_lets_through)
{
	struct wire_case c = usual;

	c.payload = 4096;
	cr_assert_float_eq(segments_of(&c), 3, 1e-9);
	c.mtu = 65536;
	cr_assert_float_eq(segments_of(&c), 1, 1e-9);
	c.mtu = 0;
	cr_assert_float_eq(segments_of(&c), 1, 1e-9);
	/* An IPv4 packet has 65,535 bytes, and a frame of so many a head of 4.
	 */
	c.dialect = "ws-plain";
	c.payload = 65535 - WIRE_SEGMENT - 4;
	cr_assert_float_eq(segments_of(&c), 1, 1e-9);
	c.payload++;
	cr_assert_float_eq(segments_of(&c), 2, 1e-9);
	/* As measured: 16 frames of 247 bytes are three segments. */
	c.mtu = 1500;
	c.payload = 243;
	c.messages = 32;
	c.together = 16;
	cr_assert_float_eq(segments_of(&c), 2 * 3, 1e-9);
	/* The last window is smaller: 3 x 500, then 2 x 500. */
	c.payload = 496;
	c.messages = 5;
	c.together = 3;
	cr_assert_float_eq(segments_of(&c), 2 + 1, 1e-9);
}

/* Nothing says how long a server lets messages wait. */
Test(wire, in_an_open_loop_all_may_leave_together)
{
	struct wire_case c = usual;
	struct wire_bytes in, out;

	c.messages = 10;
	c.together = 0;
	cr_assert_float_eq(segments_of(&c), 2, 1e-9);
	c.dialect = "longpoll";
	cr_assert(wire_model(&c, &in, &out));
	cr_assert_float_eq(out.http, 7.4, 1e-9);
	cr_assert_float_eq(in.http, 3.8, 1e-9);
}

/* Three messages to two rooms: one has two of them, which may share. */
Test(wire, a_subscriber_gets_its_rooms_messages)
{
	struct wire_case c = usual;

	c.messages = 3;
	c.together = 0;
	c.rooms = 2;
	cr_assert_float_eq(segments_of(&c), 2, 1e-9);
	c.rooms = 5;
	cr_assert_float_eq(segments_of(&c), 3, 1e-9);
}

static double framing_of(const char *dialect, uint32_t payload)
{
	struct wire_case c = usual;
	struct wire_bytes in, out;

	c.dialect = dialect;
	c.payload = payload;
	cr_assert(wire_model(&c, &in, &out), "%s", dialect);
	return in.framing;
}

Test(wire, frames_grow_with_their_length)
{
	cr_assert_eq(framing_of("ws-plain", 125), 2);
	cr_assert_eq(framing_of("ws-plain", 126), 4);
	cr_assert_eq(framing_of("ws-plain", 65535), 4);
	cr_assert_eq(framing_of("ws-plain", 65536), 10);
}

Test(wire, what_has_no_least)
{
	struct wire_case c = usual;
	struct wire_bytes in, out;

	c.deflate = true;
	cr_assert_not(wire_model(&c, &in, &out));
	c.deflate = false;
	c.dialect = "gopher";
	cr_assert_not(wire_model(&c, &in, &out));
}

/* --- What clients cannot do without --------------------------------------- */

static bool raw_takes(const char *text)
{
	struct client_env env = {0};
	struct client_message m;
	bool taken;

	buf_init(&env.strings, 1024);
	taken = raw_message(&env, slice_str(text), &m);
	buf_release(&env.strings);
	return taken;
}

static bool relay_takes(const char *arguments)
{
	struct client_env env = {0};
	struct client_message m;
	bool taken;

	buf_init(&env.strings, 1024);
	taken = relay_message(&env, slice_str(arguments), &m);
	buf_release(&env.strings);
	return taken;
}

Test(wire, the_least_envelopes_are_understood_and_no_lesser_ones)
{
	static const char object[] =
		"{\"type\":\"message\",\"room\":\"load-1\",\"data\":\"x\"}";
	static const char arguments[] =
		"[\"message\",\"x\",{\"room\":\"load-1\",\"seq\":1}]";

	cr_assert_eq(framing_of("ws", 3), sizeof(object) - 1 - 3 + 2);
	cr_assert(raw_takes(object));
	cr_assert_not(raw_takes("{\"room\":\"load-1\",\"data\":\"x\"}"));
	cr_assert_not(raw_takes("{\"type\":\"message\",\"data\":\"x\"}"));
	cr_assert_not(raw_takes("{\"type\":\"message\",\"room\":\"load-1\"}"));
	cr_assert_eq(framing_of("longpoll", 3), sizeof(arguments) - 1 - 3 + 2);
	cr_assert(relay_takes(arguments));
	cr_assert_not(relay_takes("[\"message\",\"x\",{\"room\":\"load-1\"}]"));
	cr_assert_not(relay_takes("[\"message\",\"x\",{\"seq\":1}]"));
	cr_assert_not(relay_takes("[\"message\",\"x\"]"));
}

static void note_event(void *arg, const struct sse_event *event)
{
	*(bool *)arg =
		slice_is(event->data, "{}") && slice_is(event->type, "message");
}

static void note_head(void *arg, const struct http1_response *r)
{
	*(unsigned *)arg = r->status;
}

static void note_body(void *arg, struct slice bytes)
{
	(void)arg;
	cr_assert(slice_is(bytes, "x"));
}

static void note_end(void *arg)
{
	*(unsigned *)arg += 1;
}

Test(wire, the_least_carriers_are_understood)
{
	static const char answer[] =
		"HTTP/1.1 200 \r\nContent-Length:1\r\n\r\nx";
	static const struct http1_handler handler = {note_head, note_body,
						     note_end};
	struct http1_parser http;
	struct sse_parser events;
	unsigned status = 0;
	bool heard = false;
	size_t used;

	sse_parser_init(&events, 1024);
	cr_assert_eq(sse_parser_feed(&events, SLICE("data:{}\n\n"), note_event,
				     &heard),
		     ERR_OK);
	cr_assert(heard);
	sse_parser_release(&events);
	http1_parser_init(&http);
	cr_assert_eq(http1_parser_feed(&http, slice_str(answer), &handler,
				       &status, &used),
		     ERR_OK);
	cr_assert_eq(used, sizeof(answer) - 1);
	cr_assert_eq(status, 201);
	http1_parser_release(&http);
}

/* --- Measured ------------------------------------------------------------- */

Test(wire, what_was_measured_adds_up)
{
	struct load_result r = {.messages = 10,
				.deliveries = 1000,
				.bytes_in = 400000,
				.bytes_out = 200000,
				.http_in = 150000,
				.http_out = 190000,
				.segments_in = 1010,
				.segments_out = 2000};
	struct wire_bytes in, out;

	wire_measured(&usual, &r, 1000, &in, &out);
	cr_assert_float_eq(in.payload + in.framing + in.http, 400, 1e-9);
	cr_assert_float_eq(out.payload + out.framing + out.http, 200, 1e-9);
	cr_assert_eq(in.payload, 128);
	cr_assert_float_eq(out.payload, 1.28, 1e-9);
	cr_assert_eq(in.http, 150);
	cr_assert_float_eq(in.tcp_ip, 1.01 * WIRE_SEGMENT, 1e-9);
}

/* Of 251 bytes each, 4 are a frame's head, whatever was compressed to that. */
Test(wire, of_compressed_messages_the_payload_is_what_was_sent)
{
	struct load_result r = {.messages = 10,
				.deliveries = 1000,
				.bytes_in = 251000,
				.bytes_out = 42000,
				.segments_in = 1000,
				.segments_out = 1000};
	struct wire_case c = usual;
	struct wire_bytes in, out;

	c.payload = 4096;
	c.deflate = true;
	wire_measured(&c, &r, 1000, &in, &out);
	cr_assert_float_eq(in.payload, 247, 1e-9);
	cr_assert_float_eq(in.framing, 4, 1e-9);
	cr_assert_float_eq(out.payload, 40.96, 1e-9, "sent as it is");
	cr_assert_float_eq(out.framing, 1.04, 1e-9);
	r.bytes_in = 127000;
	wire_measured(&c, &r, 1000, &in, &out);
	cr_assert_float_eq(in.framing, 2, 1e-9);
	r.bytes_in = 70000000;
	wire_measured(&c, &r, 1000, &in, &out);
	cr_assert_float_eq(in.framing, 10, 1e-9);
}

/* SPDX-License-Identifier: MIT */
#include "bench/load/wire.h"

#include <criterion/criterion.h>

static struct wire_case of(const char *dialect, uint32_t payload,
			   uint32_t together)
{
	return (struct wire_case){.dialect = dialect,
				  .payload = payload,
				  .together = together,
				  .room = "load-1",
				  .position = 42};
}

static double framing_of(const char *dialect, uint32_t payload,
			 uint32_t together)
{
	struct wire_case c = of(dialect, payload, together);
	struct wire_bytes in, out;

	cr_assert(wire_model(&c, &in, &out), "%s", dialect);
	cr_assert_eq(in.payload, payload);
	return in.framing;
}

Test(wire, frames_grow_with_their_length)
{
	cr_assert_eq(framing_of("ws-plain", 125, 1), 2);
	cr_assert_eq(framing_of("ws-plain", 126, 1), 4);
	cr_assert_eq(framing_of("ws-plain", 65535, 1), 4);
	cr_assert_eq(framing_of("ws-plain", 65536, 1), 10);
	cr_assert_eq(framing_of("sse-plain", 100, 1), 8);
	cr_assert_eq(framing_of("bare", 100, 1), 8);
}

/* As servers sent it; PROTOCOLS.md has the forms. */
Test(wire, envelopes_are_those_of_the_dialects)
{
	static const char object[] =
		"{\"type\":\"message\",\"room\":\"load-1\",\"event\":"
		"\"message\",\"data\":\"xxxx\",\"from\":\"xRMJwgO8B3-"
		"TFMClp56v\",\"seq\":42,\"position\":42}";
	static const char event[] = "id: zl7cGyIEBB-42\nevent: message\ndata: ";
	static const char packet[] =
		"42[\"message\",\"xxxx\",{\"room\":\"load-1\",\"from\":"
		"\"xRMJwgO8B3-TFMClp56v\",\"seq\":42}]";

	cr_assert_eq(framing_of("ws", 6, 1), sizeof(object) - 1 - 6 + 2);
	cr_assert_eq(framing_of("sse", 6, 1),
		     sizeof(object) - 1 - 6 + sizeof(event) - 1 + 2);
	cr_assert_eq(framing_of("longpoll+upgrade", 6, 1),
		     sizeof(packet) - 1 - 6 + 2);
	cr_assert_eq(framing_of("longpoll", 6, 1), sizeof(packet) - 1 - 6);
	/* A separator between two. */
	cr_assert_eq(framing_of("longpoll", 6, 2),
		     sizeof(packet) - 1 - 6 + 0.5);
}

Test(wire, heads_and_segments_are_shared_by_what_leaves_together)
{
	struct wire_case c = of("longpoll", 128, 1);
	struct wire_bytes in, out, in16, out16;

	cr_assert(wire_model(&c, &in, &out));
	cr_assert_gt(in.http, 50);
	cr_assert_gt(out.http, 70);
	cr_assert_eq(in.tcp_ip + out.tcp_ip, 2 * WIRE_SEGMENT);
	c.together = 16;
	cr_assert(wire_model(&c, &in16, &out16));
	cr_assert_float_eq(out16.http, out.http / 16, 1e-9);
	cr_assert_float_eq(in16.tcp_ip, in.tcp_ip / 16, 1e-9);
	c = of("ws", 128, 16);
	cr_assert(wire_model(&c, &in, &out));
	cr_assert_eq(in.http + out.http, 0);
	cr_assert_float_eq(in.tcp_ip, WIRE_SEGMENT / 16.0, 1e-9);
	c.dialect = "gopher";
	cr_assert_not(wire_model(&c, &in, &out));
}

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

	wire_measured(&r, 128, 1000, &in, &out);
	cr_assert_float_eq(in.payload + in.framing + in.http, 400, 1e-9);
	cr_assert_float_eq(out.payload + out.framing + out.http, 200, 1e-9);
	cr_assert_eq(in.payload, 128);
	cr_assert_float_eq(out.payload, 1.28, 1e-9);
	cr_assert_eq(in.http, 150);
	cr_assert_float_eq(in.tcp_ip, 1.01 * WIRE_SEGMENT, 1e-9);
}

/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "servers/base/check.h"
#include "servers/wire/engineio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

/* What decodes must encode to the same text, but for absent padding. */
static void check_binary(struct slice base64)
{
	struct buf bytes, again;
	struct slice text;

	buf_init(&bytes, LIMIT);
	buf_init(&again, (size_t)2 * LIMIT);
	if (engineio_decode_base64(base64, &bytes) == ERR_OK) {
		CHECK(engineio_encode_binary(&again, buf_slice(&bytes)) ==
		      ERR_OK);
		text = slice_after(buf_slice(&again), 1);
		CHECK(text.n >= base64.n && text.n - base64.n <= 2);
		CHECK(slice_eq(slice_of(text.p, base64.n), base64));
	} else {
		CHECK(bytes.len == 0);
	}
	buf_release(&bytes);
	buf_release(&again);
}

static void check_packet(struct slice text)
{
	struct engineio_packet packet;
	struct buf again;

	if (engineio_decode(text, &packet) != ERR_OK)
		return;
	if (packet.binary) {
		check_binary(packet.data);
		return;
	}
	buf_init(&again, LIMIT);
	CHECK(engineio_encode(&again, packet.type, packet.data) == ERR_OK);
	CHECK(slice_eq(buf_slice(&again), text));
	buf_release(&again);
}

static void check_open(struct slice text)
{
	struct engineio_open open, back;
	struct buf again;

	if (engineio_parse_open(text, &open) != ERR_OK)
		return;
	buf_init(&again, LIMIT);
	CHECK(engineio_encode_open(&again, &open) == ERR_OK);
	CHECK(engineio_parse_open(buf_slice(&again), &back) == ERR_OK);
	CHECK(strcmp(open.sid, back.sid) == 0);
	CHECK(open.upgrade == back.upgrade);
	CHECK(open.max_payload == back.max_payload);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice payload = slice_of(data, size);
	struct slice packet;
	size_t total = 0;

	if (size > LIMIT / 2)
		return 0;
	check_open(payload);
	check_binary(payload);
	while (engineio_split(&payload, &packet)) {
		total += packet.n + 1;
		check_packet(packet);
	}
	/* Every byte belongs to a packet or is a separator. */
	CHECK(total == size + 1);
	return 0;
}

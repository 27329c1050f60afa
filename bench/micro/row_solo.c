/* SPDX-License-Identifier: MIT */
/*
 * What else is done once per message, in or out. There is nothing to compare
 * with: the figures show where a message's time goes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/frames.h"
#include "bench/micro/row.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/wire/deflate.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/sse.h"
#include "servers/wire/websocket.h"

#define UNITS 64
#define WINDOW_BITS 15
#define DEFLATE_LEVEL 1 /* that of the server */
#define PIECE_MAX (1 << 20)

struct solo {
	void (*unit)(struct solo *s);
	struct buf data; /* what the unit works on */
	struct buf out;
	struct deflater *deflater;
	struct inflater *inflater;
};

struct kind {
	const char *name;
	size_t size; /* of the payload */
	void (*prepare)(struct solo *s, size_t size);
	void (*unit)(struct solo *s);
};

/* Preparing */

static void add_filler(struct solo *s, enum frames_kind kind, size_t size)
{
	CHECK(buf_reserve(&s->data, size) == ERR_OK);
	frames_fill(kind, s->data.data + s->data.len, size);
	s->data.len += size;
}

static void prepare_text(struct solo *s, size_t size)
{
	add_filler(s, FRAMES_TEXT, size);
}

static void prepare_utf8(struct solo *s, size_t size)
{
	add_filler(s, FRAMES_UTF8, size);
}

static void prepare_binary(struct solo *s, size_t size)
{
	add_filler(s, FRAMES_BINARY, size);
}

/* An array of small objects, such as sensors send. */
static void prepare_json(struct solo *s, size_t size)
{
	const struct slice item =
		SLICE("{\"name\":\"harbour\",\"speed\":12.5,\"ok\":true},");

	CHECK(buf_add_str(&s->data, "[") == ERR_OK);
	while (s->data.len + item.n < size)
		CHECK(buf_add_slice(&s->data, item) == ERR_OK);
	CHECK(buf_add_str(&s->data, "null]") == ERR_OK);
}

static void prepare_publish(struct solo *s, size_t size)
{
	struct buf json;

	buf_init(&json, BUF_UNLIMITED);
	prepare_json(s, size);
	CHECK(buf_add_slice(&json, buf_slice(&s->data)) == ERR_OK);
	buf_clear(&s->data);
	CHECK(envelope_add_publish(&s->data, SLICE("harbour"), SLICE("message"),
				   buf_slice(&json), true, 7) == ERR_OK);
	buf_release(&json);
}

static void prepare_deflate(struct solo *s, size_t size)
{
	prepare_json(s, size);
	s->deflater = deflater_new(DEFLATE_LEVEL);
}

static void prepare_inflate(struct solo *s, size_t size)
{
	prepare_deflate(s, size);
	CHECK(deflater_add(s->deflater, WINDOW_BITS, buf_slice(&s->data),
			   &s->out) == ERR_OK);
	buf_clear(&s->data);
	CHECK(buf_add_slice(&s->data, buf_slice(&s->out)) == ERR_OK);
	s->inflater = inflater_new();
}

/* Units */

static void unit_utf8(struct solo *s)
{
	CHECK(utf8_valid(s->data.data, s->data.len));
}

static void unit_mask(struct solo *s)
{
	static const uint8_t mask[4] = {0x9e, 0x3c, 0x71, 0xd5};

	ws_mask((uint8_t *)s->data.data, s->data.len, mask, 0);
}

static void unit_json(struct solo *s)
{
	CHECK(json_validate(buf_slice(&s->data)));
}

static void unit_decode(struct solo *s)
{
	struct envelope envelope;
	const char *why;

	CHECK(envelope_decode(buf_slice(&s->data), &s->out, &envelope, &why) ==
	      ERR_OK);
}

static void unit_encode_ws(struct solo *s)
{
	buf_clear(&s->out);
	CHECK(ws_add_message(&s->out, WS_TEXT, buf_slice(&s->data), false, 0) ==
	      ERR_OK);
}

static void unit_encode_sse(struct solo *s)
{
	buf_clear(&s->out);
	CHECK(sse_add_event(&s->out, SLICE("k3vQx1-123456"), SLICE("message"),
			    buf_slice(&s->data)) == ERR_OK);
}

static void unit_deflate(struct solo *s)
{
	buf_clear(&s->out);
	CHECK(deflater_add_frame(s->deflater, WINDOW_BITS, &s->out, WS_TEXT,
				 buf_slice(&s->data), false) == ERR_OK);
}

static void unit_inflate(struct solo *s)
{
	buf_clear(&s->out);
	CHECK(inflater_add(s->inflater, buf_slice(&s->data), &s->out) ==
		      ERR_OK &&
	      inflater_end(s->inflater) == ERR_OK);
	inflater_reset(s->inflater);
}

static const struct kind kinds[] = {
	{"utf8/text", 1024, prepare_text, unit_utf8},
	{"utf8/utf8", 1024, prepare_utf8, unit_utf8},
	{"mask/binary", 1024, prepare_binary, unit_mask},
	{"json/validate", 1024, prepare_json, unit_json},
	{"envelope/decode", 128, prepare_publish, unit_decode},
	{"envelope/decode", 1024, prepare_publish, unit_decode},
	{"encode/ws", 1024, prepare_json, unit_encode_ws},
	{"encode/sse", 1024, prepare_json, unit_encode_sse},
	{"deflate/once", 128, prepare_deflate, unit_deflate},
	{"deflate/once", 1024, prepare_deflate, unit_deflate},
	{"inflate", 1024, prepare_inflate, unit_inflate},
};

/* The row */

static void pass(void *state)
{
	struct solo *s = state;

	for (unsigned i = 0; i < UNITS; i++)
		s->unit(s);
}

static void release(void *state)
{
	struct solo *s = state;

	deflater_free(s->deflater);
	inflater_free(s->inflater);
	buf_release(&s->data);
	buf_release(&s->out);
	free(s);
}

size_t row_solo_count(void)
{
	return ARRAY_SIZE(kinds);
}

void row_solo_init(struct row *r)
{
	const struct kind *k = &kinds[r->number];

	r->size = k->size;
	(void)snprintf(r->name, sizeof(r->name), "%s/%zu", k->name, k->size);
}

void row_solo_prepare(struct row *r)
{
	const struct kind *k = &kinds[r->number];
	struct solo *s = xcalloc(1, sizeof(*s));

	s->unit = k->unit;
	buf_init(&s->data, PIECE_MAX);
	buf_init(&s->out, PIECE_MAX);
	k->prepare(s, k->size);
	r->work[ROW_OURS] = (struct row_work){
		.name = "pushmark",
		.pass = pass,
		.release = release,
		.state = s,
		.units = UNITS,
	};
}

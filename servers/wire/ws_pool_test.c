/* SPDX-License-Identifier: MIT */
/* An idle connection keeps no memory of its receiver's, however it got idle. */
#include "servers/wire/ws_pool.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

#define CROWD 1000
#define LIMIT (1 << 20)

struct ears {
	unsigned messages, controls;
	size_t bytes;
};

static bool hear(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct ears *ears = arg;

	if (ws_opcode_is_control(opcode))
		ears->controls++;
	else
		ears->messages++;
	ears->bytes += payload.n;
	return true;
}

static void feed(struct ws_receiver *r, struct ws_pool *pool,
		 struct slice bytes, struct ears *ears)
{
	static const struct ws_events events = {.on_frame = hear};
	const char *why = "";
	unsigned code = 0;

	cr_assert_eq(
		ws_receiver_feed(r, pool, bytes, &events, ears, &code, &why),
		ERR_OK, "%u %s", code, why);
}

static void assert_owns_nothing(const struct ws_receiver *r)
{
	cr_assert(ws_receiver_idle(r));
	cr_assert_null(r->parser);
	cr_assert_null(r->inflater);
	cr_assert_null(r->message.data);
	cr_assert_eq(r->message.cap, 0);
}

static void add_frame(struct buf *b, bool fin, uint8_t rsv,
		      enum ws_opcode opcode, struct slice payload)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t head[WS_HEADER_MAX];
	size_t n = ws_header(head, fin, rsv, opcode, payload.n, mask);
	size_t at = b->len + n;

	cr_assert_eq(buf_add(b, head, n), ERR_OK);
	cr_assert_eq(buf_add_slice(b, payload), ERR_OK);
	ws_mask((uint8_t *)b->data + at, payload.n, mask, 0);
}

/* Text whole and in fragments, a ping between these, and 64 KiB of binary. */
static void add_talk(struct buf *b)
{
	char *big = xcalloc(1, 65536);

	add_frame(b, true, 0, WS_TEXT, SLICE("h\xc3\xa9llo"));
	add_frame(b, false, 0, WS_TEXT, SLICE("one \xe2\x82"));
	add_frame(b, true, 0, WS_PING, SLICE("are you there"));
	add_frame(b, true, 0, WS_CONTINUATION, SLICE("\xac two"));
	add_frame(b, true, 0, WS_BINARY, slice_of(big, 65536));
	free(big);
}

static void feed_cut(struct ws_receiver *r, struct ws_pool *pool,
		     struct slice bytes, size_t piece, struct ears *ears)
{
	for (size_t at = 0; at < bytes.n; at += piece) {
		size_t n = bytes.n - at;

		feed(r, pool, slice_of(bytes.p + at, n < piece ? n : piece),
		     ears);
	}
}

Test(ws_pool, an_idle_receiver_owns_nothing)
{
	static const size_t pieces[] = {1, 2, 3, 7, 125, 4096, 16384, SIZE_MAX};
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r;
	struct buf talk;

	buf_init(&talk, BUF_UNLIMITED);
	add_talk(&talk);
	ws_receiver_init(&r, true, LIMIT);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t piece = pieces[i] < talk.len ? pieces[i] : talk.len;
		struct ears ears = {0};

		feed_cut(&r, pool, buf_slice(&talk), piece, &ears);
		cr_assert_eq(ears.messages, 3);
		cr_assert_eq(ears.controls, 1);
		cr_assert_eq(ears.bytes, 6 + 11 + 13 + 65536);
		assert_owns_nothing(&r);
		cr_assert_eq(pool->lent, 0, "after pieces of %zu", piece);
	}
	ws_receiver_release(&r, pool);
	buf_release(&talk);
	ws_pool_free(pool);
}

Test(ws_pool, a_receiver_of_compressed_messages_keeps_no_inflater)
{
	const struct slice text = SLICE("pressed pressed pressed pressed");
	struct deflater *deflater = deflater_new(1);
	struct ws_pool *pool = ws_pool_new();
	struct ears ears = {0};
	struct ws_receiver r;
	struct buf payload, frame;

	buf_init(&payload, BUF_UNLIMITED);
	buf_init(&frame, BUF_UNLIMITED);
	cr_assert_eq(deflater_add(deflater, 15, text, &payload), ERR_OK);
	add_frame(&frame, true, 4, WS_TEXT, buf_slice(&payload));
	ws_receiver_init(&r, true, LIMIT);
	ws_receiver_deflate(&r, false);
	feed(&r, pool, slice_of(frame.data, frame.len - 1), &ears);
	cr_assert_eq(pool->lent, 2, "a parser and an inflater");
	feed(&r, pool, slice_of(frame.data + frame.len - 1, 1), &ears);
	cr_assert_eq(ears.bytes, text.n);
	assert_owns_nothing(&r);
	cr_assert_eq(pool->lent, 0);
	ws_receiver_release(&r, pool);
	buf_release(&frame);
	buf_release(&payload);
	deflater_free(deflater);
	ws_pool_free(pool);
}

/* All have half a frame at once; what they had is then not hoarded either. */
Test(ws_pool, a_crowd_that_got_idle_leaves_a_few_spares)
{
	struct ws_receiver *crowd = xcalloc(CROWD, sizeof(*crowd));
	struct ws_pool *pool = ws_pool_new();
	struct ears ears = {0};
	struct buf frame;

	buf_init(&frame, BUF_UNLIMITED);
	add_frame(&frame, true, 0, WS_TEXT, SLICE("in two parts"));
	for (size_t i = 0; i < CROWD; i++) {
		ws_receiver_init(&crowd[i], true, LIMIT);
		feed(&crowd[i], pool, slice_of(frame.data, 9), &ears);
		cr_assert_not_null(crowd[i].parser);
	}
	cr_assert_eq(pool->lent, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		feed(&crowd[i], pool, slice_of(frame.data + 9, frame.len - 9),
		     &ears);
		assert_owns_nothing(&crowd[i]);
	}
	cr_assert_eq(ears.messages, CROWD);
	cr_assert_eq(pool->lent, 0);
	cr_assert_leq(pool->spares, 8);
	for (size_t i = 0; i < CROWD; i++)
		ws_receiver_release(&crowd[i], pool);
	cr_assert_eq(pool->lent, 0);
	buf_release(&frame);
	ws_pool_free(pool);
	free(crowd);
}

Test(ws_pool, a_receiver_released_in_mid_frame_gives_back)
{
	struct ws_pool *pool = ws_pool_new();
	struct ears ears = {0};
	struct ws_receiver r;
	struct buf talk;

	buf_init(&talk, BUF_UNLIMITED);
	add_talk(&talk);
	for (size_t cut = 1; cut < 64; cut++) {
		ws_receiver_init(&r, true, LIMIT);
		feed(&r, pool, slice_of(talk.data, cut), &ears);
		ws_receiver_release(&r, pool);
		cr_assert_null(r.parser);
		cr_assert_null(r.message.data);
		cr_assert_eq(pool->lent, 0, "cut at %zu", cut);
	}
	buf_release(&talk);
	ws_pool_free(pool);
}

/* SPDX-License-Identifier: MIT */
/*
 * The receiver must make the same of its bytes however they are cut. The
 * first byte of the input picks our role, the limit and a pattern of cuts.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = {0, 5, 125, 70000};
static const struct slice cuts[] = {
	/* Lengths of the pieces, in turn; an empty row feeds all at once. */
	{"", 0},	{"\1", 1},   {"\2", 1},	      {"\3\1", 2},
	{"\7\2\13", 3}, {"\177", 1}, {"\1\376\2", 3}, {"\5\5\21\1", 4},
};

static bool log_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct buf *log = arg;

	if (opcode == WS_TEXT)
		CHECK(utf8_valid(payload.p, payload.n));
	if (opcode >= WS_CLOSE)
		CHECK(payload.n <= 125);
	CHECK(buf_printf(log, "%u %zu:", (unsigned)opcode, payload.n) ==
	      ERR_OK);
	CHECK(buf_add_slice(log, payload) == ERR_OK);
	return true;
}

static size_t next_piece(struct slice pattern, size_t turn, size_t left)
{
	size_t n = left;

	if (pattern.n > 0)
		n = (uint8_t)pattern.p[turn % pattern.n];
	return n < left ? n : left;
}

/* Feeds all of `bytes`, cut by `pattern`; writes what happened to `log`. */
static void run(bool server, size_t limit, struct slice bytes,
		struct slice pattern, struct buf *log)
{
	const struct ws_events events = {.on_frame = log_frame};
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r;
	const char *why = NULL;
	unsigned code = 0;

	ws_receiver_init(&r, server, limit);
	for (size_t turn = 0; bytes.n > 0; turn++) {
		size_t n = next_piece(pattern, turn, bytes.n);
		enum err e = ws_receiver_feed(&r, pool, slice_of(bytes.p, n),
					      &events, log, &code, &why);

		CHECK(r.message.len <= limit);
		if (e != ERR_OK) {
			CHECK(why != NULL && r.closed);
			CHECK(buf_printf(log, "!%u %s", code, why) == ERR_OK);
		}
		bytes = slice_after(bytes, n);
	}
	CHECK(buf_printf(log, " idle %d", ws_receiver_idle(&r)) == ERR_OK);
	ws_receiver_release(&r, pool);
	ws_pool_free(pool);
}

/* The load worker's fast path must agree with the receiver. */
static void check_peek(struct slice bytes, size_t limit)
{
	struct buf fast, slow;
	struct slice payload;
	enum ws_opcode opcode;
	size_t n = ws_peek_plain(bytes, &opcode, &payload);

	if (n == 0 || payload.n > limit)
		return;
	CHECK(n <= bytes.n);
	if (opcode == WS_TEXT && !utf8_valid(payload.p, payload.n))
		return;
	buf_init(&fast, BUF_UNLIMITED);
	buf_init(&slow, BUF_UNLIMITED);
	(void)log_frame(&fast, opcode, payload);
	CHECK(buf_add_str(&fast, " idle 1") == ERR_OK);
	run(false, limit, slice_of(bytes.p, n), cuts[0], &slow);
	CHECK(slice_eq(buf_slice(&fast), buf_slice(&slow)));
	buf_release(&fast);
	buf_release(&slow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes, pattern;
	struct buf whole, single, cut;
	size_t limit;
	bool server;

	if (size < 1)
		return 0;
	server = data[0] & 1;
	limit = limits[data[0] >> 1 & 3];
	pattern = cuts[data[0] >> 3 & 7];
	bytes = slice_of(data + 1, size - 1);
	buf_init(&whole, BUF_UNLIMITED);
	buf_init(&single, BUF_UNLIMITED);
	buf_init(&cut, BUF_UNLIMITED);
	run(server, limit, bytes, cuts[0], &whole);
	run(server, limit, bytes, cuts[1], &single);
	run(server, limit, bytes, pattern, &cut);
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&single)));
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	check_peek(bytes, limit);
	buf_release(&whole);
	buf_release(&single);
	buf_release(&cut);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The whole way from bytes to messages: the receiver must make the same of
 * them however they are cut. The first byte of the input picks our role, the
 * limit, a pattern of cuts and compression; the second, whether the rest are
 * bytes off the wire or a script that frames are made from, which gets deeper
 * than lucky guesses at masks and lengths do.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVER = 0x01, DEFLATE = 0x40, KEEPS_CONTEXT = 0x80 };
/* The first byte of a script's frame besides its opcode; then a length. */
enum { FRAME_RSV2 = 0x20, FRAME_DEFLATED = 0x40, FRAME_FIN = 0x80 };

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
static void run(unsigned flags, size_t limit, struct slice bytes,
		struct slice pattern, struct buf *log)
{
	const struct ws_events events = {.on_frame = log_frame};
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r;
	const char *why = NULL;
	unsigned code = 0;

	ws_receiver_init(&r, (flags & SERVER) != 0, limit);
	if (flags & DEFLATE)
		ws_receiver_deflate(&r, (flags & KEEPS_CONTEXT) != 0);
	for (size_t turn = 0; bytes.n > 0; turn++) {
		size_t n = next_piece(pattern, turn, bytes.n);
		enum err e = ws_receiver_feed(&r, pool, slice_of(bytes.p, n),
					      &events, log, &code, &why);

		CHECK(r.message.len <= limit && r.message.cap <= limit);
		CHECK(r.opcode != 0 || r.keeps_context || !r.inflater);
		if (e != ERR_OK) {
			CHECK(why != NULL && r.closed && !r.inflater);
			CHECK(code == WS_CLOSE_PROTOCOL ||
			      code == WS_CLOSE_INVALID ||
			      code == WS_CLOSE_TOO_BIG);
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
	run(0, limit, slice_of(bytes.p, n), cuts[0], &slow);
	CHECK(slice_eq(buf_slice(&fast), buf_slice(&slow)));
	buf_release(&fast);
	buf_release(&slow);
}

/* --- Scripts -------------------------------------------------------------- */

static struct slice take(struct slice *rest, size_t n)
{
	struct slice piece = slice_of(rest->p, n < rest->n ? n : rest->n);

	*rest = slice_after(*rest, n);
	return piece;
}

/* One frame of it, masked when a client sends it, with whatever it says. */
static void add_frame(unsigned flags, struct deflater *d, uint8_t head,
		      struct slice payload, struct buf *out)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	uint8_t header[WS_HEADER_MAX];
	struct buf deflated;
	uint8_t rsv = head & FRAME_RSV2 ? 2 : 0;
	size_t at;

	buf_init(&deflated, BUF_UNLIMITED);
	if (head & FRAME_DEFLATED) {
		CHECK(deflater_add(d, DEFLATE_BITS_MIN + payload.n % 7, payload,
				   &deflated) == ERR_OK);
		payload = buf_slice(&deflated);
		rsv |= 4;
	}
	at = ws_header(header, (head & FRAME_FIN) != 0, rsv,
		       (enum ws_opcode)(head & 15), payload.n,
		       flags & SERVER ? mask : NULL);
	CHECK(buf_add(out, header, at) == ERR_OK);
	at = out->len;
	CHECK(buf_add_slice(out, payload) == ERR_OK);
	if (flags & SERVER)
		ws_mask((uint8_t *)out->data + at, payload.n, mask, 0);
	buf_release(&deflated);
}

static void play(unsigned flags, struct slice script, struct buf *out)
{
	struct deflater *d = deflater_new(1);

	while (script.n >= 2) {
		struct slice head = take(&script, 2);
		struct slice payload = take(&script, (uint8_t)head.p[1]);

		add_frame(flags, d, (uint8_t)head.p[0], payload, out);
	}
	deflater_free(d);
}

/* --- Entry ---------------------------------------------------------------- */

static void check(unsigned flags, struct slice bytes)
{
	size_t limit = limits[flags >> 1 & 3];
	struct buf whole, single, cut;

	buf_init(&whole, BUF_UNLIMITED);
	buf_init(&single, BUF_UNLIMITED);
	buf_init(&cut, BUF_UNLIMITED);
	run(flags, limit, bytes, cuts[0], &whole);
	run(flags, limit, bytes, cuts[1], &single);
	run(flags, limit, bytes, cuts[flags >> 3 & 7], &cut);
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&single)));
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	check_peek(bytes, limit);
	buf_release(&whole);
	buf_release(&single);
	buf_release(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest;
	struct buf bytes;

	if (size < 2)
		return 0;
	rest = slice_of(data + 2, size - 2);
	if (!(data[1] & 1)) {
		check(data[0], rest);
		return 0;
	}
	buf_init(&bytes, BUF_UNLIMITED);
	play(data[0], rest, &bytes);
	check(data[0], buf_slice(&bytes));
	buf_release(&bytes);
	return 0;
}

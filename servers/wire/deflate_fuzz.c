/* SPDX-License-Identifier: MIT */
/*
 * The first byte of the input picks what the rest is: a header to negotiate
 * about, data to inflate, text to compress, or frames for a receiver. Inflating
 * and receiving must come to the same however the bytes are cut.
 */
#include <string.h>

#include "servers/base/check.h"
#include "servers/wire/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = {0, 5, 125, 70000};
static const struct slice cuts[] = {
	/* Lengths of the pieces, in turn; an empty row feeds all at once. */
	{"", 0},	{"\1", 1},   {"\2", 1},	      {"\3\1", 2},
	{"\7\2\13", 3}, {"\177", 1}, {"\1\376\2", 3}, {"\5\5\21\1", 4},
};

static struct slice take_piece(struct slice *in, struct slice pattern,
			       size_t turn)
{
	size_t n = in->n;
	struct slice piece;

	if (pattern.n > 0)
		n = (uint8_t)pattern.p[turn % pattern.n];
	piece = slice_of(in->p, n < in->n ? n : in->n);
	*in = slice_after(*in, n);
	return piece;
}

/* --- Negotiation ---------------------------------------------------------- */

/* Whatever we answer, a client that offered everything takes it. */
static void negotiate(struct slice header)
{
	const struct deflate_offer any = {.client_bits = DEFLATE_BITS_ANY};
	char answer[DEFLATE_TEXT_MAX];
	struct deflate_terms server, client;
	bool on = deflate_accept(header, &server, answer);

	CHECK(on == server.on && on == (answer[0] != '\0'));
	CHECK(!server.keeps_context);
	if (on) {
		CHECK(server.window_bits >= DEFLATE_BITS_MIN &&
		      server.window_bits <= DEFLATE_BITS_MAX);
		CHECK(deflate_answer_read(&any, slice_str(answer), &client) ==
		      ERR_OK);
		CHECK(client.on && !client.keeps_context);
		CHECK(client.window_bits >= DEFLATE_BITS_MIN);
	}
	if (deflate_answer_read(&any, header, &client) != ERR_OK)
		CHECK(!client.on);
	CHECK(client.window_bits <= DEFLATE_BITS_MAX);
}

/* --- Streams -------------------------------------------------------------- */

/* As two messages, so that the second has a context. */
static void inflate_cut(struct slice in, struct slice pattern, size_t limit,
			struct buf *log)
{
	struct inflater *z = inflater_new();
	enum err e = ERR_OK;
	struct buf out;

	buf_init(&out, limit);
	for (int message = 0; message < 2 && e == ERR_OK; message++) {
		struct slice left = in;

		buf_clear(&out);
		for (size_t turn = 0; left.n > 0 && e == ERR_OK; turn++)
			e = inflater_add(z, take_piece(&left, pattern, turn),
					 &out);
		if (e == ERR_OK)
			e = inflater_end(z);
		CHECK(out.len <= limit && out.cap <= limit);
		CHECK(e == ERR_OK || e == ERR_PROTO || e == ERR_LIMIT);
		CHECK(buf_printf(log, "%d:", (int)e) == ERR_OK);
		CHECK(buf_add_slice(log, buf_slice(&out)) == ERR_OK);
	}
	buf_release(&out);
	inflater_free(z);
}

static void round_trip(struct slice text, unsigned bits, struct slice pattern)
{
	struct deflater *d = deflater_new(1 + (int)bits % 9);
	struct inflater *z = inflater_new();
	struct buf deflated, out;

	buf_init(&deflated, BUF_UNLIMITED);
	buf_init(&out, text.n);
	for (int again = 0; again < 2; again++) {
		struct slice left;

		buf_clear(&deflated);
		buf_clear(&out);
		CHECK(deflater_add(d, bits, text, &deflated) == ERR_OK);
		left = buf_slice(&deflated);
		for (size_t turn = 0; left.n > 0; turn++)
			CHECK(inflater_add(z, take_piece(&left, pattern, turn),
					   &out) == ERR_OK);
		CHECK(inflater_end(z) == ERR_OK);
		CHECK(slice_eq(buf_slice(&out), text));
	}
	buf_release(&deflated);
	buf_release(&out);
	inflater_free(z);
	deflater_free(d);
}

/* --- Frames --------------------------------------------------------------- */

static bool log_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct buf *log = arg;

	if (opcode == WS_TEXT)
		CHECK(utf8_valid(payload.p, payload.n));
	CHECK(buf_printf(log, "%u %zu:", (unsigned)opcode, payload.n) ==
	      ERR_OK);
	CHECK(buf_add_slice(log, payload) == ERR_OK);
	return true;
}

/* Frames of a server or, with a mask of zeros, of a client. */
static void receive_cut(struct slice in, struct slice pattern, size_t limit,
			bool keeps, struct buf *log)
{
	const struct ws_events events = {.on_frame = log_frame};
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r;
	const char *why = NULL;
	unsigned code = 0;

	ws_receiver_init(&r, in.n > 1 && (in.p[1] & 0x80), limit);
	ws_receiver_deflate(&r, keeps);
	for (size_t turn = 0; in.n > 0; turn++) {
		struct slice piece = take_piece(&in, pattern, turn);

		if (ws_receiver_feed(&r, pool, piece, &events, log, &code,
				     &why) != ERR_OK) {
			CHECK(why != NULL && r.closed && !r.inflater);
			CHECK(buf_printf(log, "!%u %s", code, why) == ERR_OK);
		}
		CHECK(r.message.len <= limit && r.message.cap <= limit);
		CHECK(keeps || r.opcode != 0 || !r.inflater);
	}
	CHECK(buf_printf(log, " idle %d", ws_receiver_idle(&r)) == ERR_OK);
	ws_receiver_release(&r, pool);
	ws_pool_free(pool);
}

static void run(unsigned mode, struct slice in, struct slice pattern,
		size_t limit, struct buf *log)
{
	if (mode == 1)
		inflate_cut(in, pattern, limit, log);
	else
		receive_cut(in, pattern, limit, mode == 3, log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, single, cut;
	struct slice in, pattern;
	unsigned mode;
	size_t limit;

	if (size < 1)
		return 0;
	mode = data[0] & 3;
	limit = limits[data[0] >> 2 & 3];
	pattern = cuts[data[0] >> 4 & 7];
	in = slice_of(data + 1, size - 1);
	if (mode == 0 && data[0] & 0x80) {
		round_trip(in, DEFLATE_BITS_MIN + data[0] % 7, pattern);
		return 0;
	}
	if (mode == 0) {
		negotiate(in);
		return 0;
	}
	buf_init(&whole, BUF_UNLIMITED);
	buf_init(&single, BUF_UNLIMITED);
	buf_init(&cut, BUF_UNLIMITED);
	run(mode, in, cuts[0], limit, &whole);
	run(mode, in, cuts[1], limit, &single);
	run(mode, in, pattern, limit, &cut);
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&single)));
	CHECK(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	buf_release(&whole);
	buf_release(&single);
	buf_release(&cut);
	return 0;
}

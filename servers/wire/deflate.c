/* SPDX-License-Identifier: MIT */
/*
 * The zlib streams. A message ends with Z_SYNC_FLUSH, whose last four bytes
 * are always the same and stay off the wire.
 */
#include "servers/wire/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "servers/base/check.h"

#define WINDOWS (DEFLATE_BITS_MAX - DEFLATE_BITS_MIN + 1)
#define MEMORY_LEVEL 6	   /* a reset clears a hash table of 16 KiB */
#define SCRATCH_KEPT 65536 /* a larger one is not kept between messages */
#define STEP_MIN 64	   /* bytes of output to make room for at once */
#define STEP_MAX 65536
#define PIECE_MAX ((size_t)1 << 30) /* zlib counts in unsigned int */

/* zlib's data_type after inflate() (zlib.h). */
#define AT_BLOCK_END 128
#define UNUSED_BITS 7

struct deflater {
	int level;
	bool ready[WINDOWS];
	z_stream streams[WINDOWS];
	struct buf scratch; /* of deflater_add_frame() */
};

struct inflater {
	z_stream stream;
	bool ended; /* a block said it was the last, and nothing followed */
};

static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

/* Gives zlib as much of the input as it can count; `in` keeps the rest. */
static void give_input(z_stream *s, struct slice *in)
{
	const size_t n = in->n < PIECE_MAX ? in->n : PIECE_MAX;

	/* zlib reads through a pointer that is const only if it is asked. */
	s->next_in = (Bytef *)(uintptr_t)in->p;
	s->avail_in = (uInt)n;
	*in = slice_after(*in, n);
}

static size_t step_for(size_t n)
{
	if (n < STEP_MIN)
		return STEP_MIN;
	return n < STEP_MAX ? n : STEP_MAX;
}

/* Lets zlib write behind what `out` has; about `step` bytes, at least one. */
static enum err give_room(z_stream *s, size_t step, struct buf *out)
{
	const size_t left = out->limit - out->len;
	size_t room;
	enum err e;

	if (left == 0)
		return ERR_LIMIT;
	e = buf_reserve(out, step < left ? step : left);
	if (e != ERR_OK)
		return e;
	room = out->cap - out->len;
	s->next_out = (Bytef *)out->data + out->len;
	s->avail_out = (uInt)(room < PIECE_MAX ? room : PIECE_MAX);
	return ERR_OK;
}

/* --- Compressing ---------------------------------------------------------- */

struct deflater *deflater_new(int level)
{
	struct deflater *d = xcalloc(1, sizeof(*d));

	CHECK(level >= 1 && level <= 9);
	d->level = level;
	buf_init(&d->scratch, BUF_UNLIMITED);
	return d;
}

void deflater_free(struct deflater *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < WINDOWS; i++)
		if (d->ready[i])
			(void)deflateEnd(&d->streams[i]);
	buf_release(&d->scratch);
	free(d);
}

static enum err stream_for(struct deflater *d, unsigned window_bits,
			   z_stream **out)
{
	const unsigned i = window_bits - DEFLATE_BITS_MIN;
	z_stream *s;

	CHECK(i < WINDOWS);
	s = &d->streams[i];
	*out = s;
	if (d->ready[i]) {
		CHECK(deflateReset(s) == Z_OK);
		return ERR_OK;
	}
	*s = (z_stream){0};
	if (deflateInit2(s, d->level, Z_DEFLATED, -(int)window_bits,
			 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return ERR_NOMEM;
	d->ready[i] = true;
	return ERR_OK;
}

/*
 * zlib is done when it leaves output space unused. When a flush fills the
 * space to the last byte the next call adds an empty block, which is legal.
 */
static enum err deflate_all(z_stream *s, struct slice in, struct buf *out)
{
	const size_t step = step_for(in.n / 4);
	enum err e;
	int flush;

	do {
		give_input(s, &in);
		flush = in.n > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH;
		do {
			e = give_room(s, step, out);
			if (e != ERR_OK)
				return e;
			CHECK(deflate(s, flush) != Z_STREAM_ERROR);
			out->len = (size_t)((char *)s->next_out - out->data);
		} while (s->avail_out == 0);
	} while (in.n > 0);
	return ERR_OK;
}

enum err deflater_add(struct deflater *d, unsigned window_bits,
		      struct slice message, struct buf *out)
{
	const size_t before = out->len;
	z_stream *s;
	enum err e = stream_for(d, window_bits, &s);

	if (e != ERR_OK)
		return e;
	e = deflate_all(s, message, out);
	if (e != ERR_OK) {
		out->len = before;
		return e;
	}
	out->len -= sizeof(tail);
	CHECK(out->len > before &&
	      memcmp(out->data + out->len, tail, sizeof(tail)) == 0);
	return ERR_OK;
}

enum err deflater_add_frame(struct deflater *d, unsigned window_bits,
			    struct buf *out, enum ws_opcode opcode,
			    struct slice message, bool masked)
{
	enum err e;

	buf_clear(&d->scratch);
	e = deflater_add(d, window_bits, message, &d->scratch);
	if (e == ERR_OK && d->scratch.len < message.n)
		e = ws_add_deflated(out, opcode, buf_slice(&d->scratch),
				    masked);
	else if (e == ERR_OK)
		e = ws_add_frame(out, opcode, message, masked);
	if (d->scratch.cap > SCRATCH_KEPT)
		buf_release(&d->scratch);
	return e;
}

/* --- Inflating ------------------------------------------------------------ */

struct inflater *inflater_new(void)
{
	struct inflater *z = xcalloc(1, sizeof(*z));

	CHECK(inflateInit2(&z->stream, -DEFLATE_BITS_MAX) == Z_OK);
	return z;
}

void inflater_free(struct inflater *z)
{
	if (!z)
		return;
	(void)inflateEnd(&z->stream);
	free(z);
}

void inflater_reset(struct inflater *z)
{
	CHECK(inflateReset(&z->stream) == Z_OK);
	z->ended = false;
}

/*
 * One call of zlib, into `out` or, when that is full, into a byte beyond it,
 * which tells a message of just the limit from a longer one.
 */
static enum err inflate_step(struct inflater *z, int flush, size_t step,
			     struct buf *out)
{
	z_stream *s = &z->stream;
	enum err e = give_room(s, step, out);
	Bytef beyond;
	int rc;

	if (e == ERR_LIMIT) {
		s->next_out = &beyond;
		s->avail_out = 1;
		rc = inflate(s, flush);
		if (s->avail_out == 0)
			return ERR_LIMIT;
	} else if (e == ERR_OK) {
		rc = inflate(s, flush);
		out->len = (size_t)((char *)s->next_out - out->data);
	} else {
		return e;
	}
	if (rc == Z_STREAM_END) {
		/*
		 * A sender may close its blocks and begin anew (section
		 * 7.2.3.4), within the same window.
		 */
		CHECK(inflateResetKeep(s) == Z_OK);
		z->ended = true;
		return ERR_OK;
	}
	if (rc == Z_MEM_ERROR)
		return ERR_NOMEM;
	/* Z_BUF_ERROR only says that there was nothing to do. */
	return rc == Z_OK || rc == Z_BUF_ERROR ? ERR_OK : ERR_PROTO;
}

static enum err inflate_all(struct inflater *z, struct slice in, int flush,
			    struct buf *out)
{
	const size_t step = step_for(in.n * 4);
	z_stream *s = &z->stream;
	enum err e = ERR_OK;

	while (in.n > 0 && e == ERR_OK) {
		give_input(s, &in);
		z->ended = false;
		do {
			e = inflate_step(z, flush, step, out);
			if (z->ended && s->avail_in > 0)
				z->ended = false;
			else if (z->ended)
				break;
		} while (e == ERR_OK && (s->avail_in > 0 || s->avail_out == 0));
	}
	return e;
}

enum err inflater_add(struct inflater *z, struct slice piece, struct buf *out)
{
	return inflate_all(z, piece, Z_SYNC_FLUSH, out);
}

/*
 * The tail is but the length of an empty block whose head has come already. If
 * it makes output or ends within a block it was taken for something else. A
 * sender whose last block is marked as the last, and which forgot the byte that
 * ought to follow it, is understood: most others do.
 */
enum err inflater_end(struct inflater *z)
{
	struct buf none;
	enum err e;
	int at;

	buf_init(&none, 0);

	if (!z->ended) {
		e = inflate_all(z, slice_of(tail, sizeof(tail)), Z_BLOCK,
				&none);
		at = z->stream.data_type;
		if (e != ERR_OK)
			return e == ERR_LIMIT ? ERR_PROTO : e;
		if (!z->ended && (!(at & AT_BLOCK_END) || at & UNUSED_BITS))
			return ERR_PROTO;
	}
	z->ended = false;
	return ERR_OK;
}

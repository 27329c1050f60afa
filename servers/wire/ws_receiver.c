/* SPDX-License-Identifier: MIT */
/*
 * Frames in. A frame that lies whole in the fed bytes is read where it lies.
 * A frame that is cut goes through wslay's frame reader, which remembers where
 * the cut was. wslay tells about a frame's head only together with its first
 * payload byte and checks half of it, so the head is collected and judged here
 * as it arrives, and a peer's mistake is answered at the byte that makes it.
 * A compressed message is inflated as its bytes arrive, so that only what it
 * inflates to is ever kept.
 */
#include <string.h>
#include <wslay/wslay.h>

#include "servers/base/check.h"
#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"
#include "servers/wire/ws_head.h"
#include "servers/wire/ws_pool.h"

/* One call of ws_receiver_feed(). */
struct feed {
	struct ws_receiver *r;
	struct ws_pool *pool;
	const struct ws_events *events;
	void *arg;
	const uint8_t *p, *end;
	const char *why;
	unsigned code; /* when the error alone does not say it */
};

/* --- Judging -------------------------------------------------------------- */

static enum err fail(struct feed *f, enum err e, const char *why)
{
	f->why = why;
	return e;
}

/* RFC 6455 section 7.4, and the registry for 1012 to 1014. */
static bool close_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) ||
	       (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum err judge_close(struct feed *f, struct slice payload)
{
	struct slice reason;
	unsigned code;

	if (payload.n == 0)
		return ERR_OK;
	if (payload.n == 1)
		return fail(f, ERR_PROTO, "close payload of one byte");
	ws_close_parse(payload, &code, &reason);
	if (!close_code_valid(code))
		return fail(f, ERR_PROTO, "invalid close code");
	if (!utf8_valid(reason.p, reason.n))
		return fail(f, ERR_UTF8, "close reason is not UTF-8");
	return ERR_OK;
}

static inline enum err judge_head(struct feed *f, const uint8_t *p, size_t n,
				  struct ws_head *h)
{
	const struct ws_receiver *r = f->r;
	const struct ws_head_rules rules = {
		.masked = r->server,
		.in_message = r->opcode != 0,
		.deflate = r->deflate,
		.compressed = r->compressed,
		.payload_max = r->message.limit - r->message.len,
	};

	return ws_head_read(p, n, &rules, h, &f->why);
}

/* --- Delivering ----------------------------------------------------------- */

/*
 * ERR_CLOSED, which no check above gives, means that the owner wants no more;
 * the receiver may be gone then and is not touched again.
 */
static enum err deliver(struct feed *f, uint8_t opcode, struct slice payload)
{
	if (!f->events->on_frame(f->arg, (enum ws_opcode)opcode, payload))
		return ERR_CLOSED;
	return ERR_OK;
}

static enum err deliver_control(struct feed *f, uint8_t opcode,
				struct slice payload)
{
	if (opcode == WS_CLOSE) {
		enum err e = judge_close(f, payload);

		if (e != ERR_OK)
			return e;
		f->r->closed = true; /* what follows a close is ignored */
	}
	return deliver(f, opcode, payload);
}

/*
 * The message leaves the receiver before its owner sees it: the receiver may
 * be released within the call, and an idle one keeps no memory.
 */
static enum err deliver_message(struct feed *f)
{
	struct ws_receiver *r = f->r;
	struct buf whole = r->message;
	const uint8_t opcode = r->opcode;
	enum err e;

	buf_init(&r->message, whole.limit);
	r->opcode = 0;
	r->compressed = false;
	e = deliver(f, opcode,
		    whole.len > 0 ? buf_slice(&whole) : slice_of("", 0));
	buf_release(&whole);
	return e;
}

static void message_start(struct ws_receiver *r, const struct ws_head *h)
{
	if (h->opcode == WS_CONTINUATION)
		return;
	r->opcode = h->opcode;
	r->compressed = h->compressed;
	utf8_init(&r->utf8);
}

/*
 * What was inflated behind `from` is judged before the inflater's own verdict
 * `e`, so that the first mistake decides however the bytes were cut.
 */
static enum err judge_inflated(struct feed *f, size_t from, enum err e)
{
	struct ws_receiver *r = f->r;
	const size_t n = r->message.len - from;

	if (r->opcode == WS_TEXT && n > 0 &&
	    !utf8_feed(&r->utf8, r->message.data + from, n))
		return fail(f, ERR_UTF8, "text is not UTF-8");
	switch (e) {
	case ERR_OK:
		return ERR_OK;
	case ERR_LIMIT:
		return fail(f, ERR_LIMIT, "message is too big");
	case ERR_NOMEM:
		return fail(f, ERR_NOMEM, "out of memory");
	default:
		f->code = WS_CLOSE_INVALID;
		return fail(f, ERR_PROTO, "compressed data is corrupt");
	}
}

static enum err inflate_add(struct feed *f, const uint8_t *p, size_t n)
{
	struct ws_receiver *r = f->r;
	const size_t from = r->message.len;

	if (!r->inflater)
		r->inflater = ws_pool_take_inflater(f->pool);
	return judge_inflated(
		f, from,
		inflater_add(r->inflater, slice_of(p, n), &r->message));
}

static enum err inflate_end(struct feed *f)
{
	struct ws_receiver *r = f->r;
	enum err e;

	if (!r->inflater)
		r->inflater = ws_pool_take_inflater(f->pool);
	e = judge_inflated(f, r->message.len, inflater_end(r->inflater));
	if (e == ERR_OK && !r->keeps_context) {
		ws_pool_give_inflater(f->pool, r->inflater);
		r->inflater = NULL;
	}
	return e;
}

static enum err message_add(struct feed *f, const uint8_t *p, size_t n)
{
	struct ws_receiver *r = f->r;

	if (r->compressed)
		return inflate_add(f, p, n);
	if (r->opcode == WS_TEXT && !utf8_feed(&r->utf8, p, n))
		return fail(f, ERR_UTF8, "text is not UTF-8");
	if (buf_add(&r->message, p, n) != ERR_OK)
		return fail(f, ERR_LIMIT, "message is too big");
	return ERR_OK;
}

/* Behind the last byte of a data frame. */
static enum err message_end(struct feed *f, bool fin)
{
	struct ws_receiver *r = f->r;
	enum err e = ERR_OK;

	if (!fin)
		return ERR_OK;
	if (r->compressed)
		e = inflate_end(f);
	if (e != ERR_OK)
		return e;
	if (r->opcode == WS_TEXT && !utf8_complete(&r->utf8))
		return fail(f, ERR_UTF8, "text is not UTF-8");
	return deliver_message(f);
}

/* --- Whole frames --------------------------------------------------------- */

/* A frame's payload, unmasked; what to do with it depends on the frame. */
static enum err take_payload(struct feed *f, const struct ws_head *h,
			     const uint8_t *p)
{
	const size_t n = (size_t)h->payload;
	enum err e;

	if (ws_opcode_is_control(h->opcode))
		return deliver_control(f, h->opcode, slice_of(p, n));
	if (h->fin && h->opcode != WS_CONTINUATION && !h->compressed) {
		if (h->opcode == WS_TEXT && !utf8_valid(p, n))
			return fail(f, ERR_UTF8, "text is not UTF-8");
		return deliver(f, h->opcode, slice_of(p, n));
	}
	message_start(f->r, h);
	e = message_add(f, p, n);
	return e == ERR_OK ? message_end(f, h->fin) : e;
}

static enum err take_whole(struct feed *f, const struct ws_head *h)
{
	const size_t n = (size_t)h->payload;
	struct ws_pool *pool = f->pool;
	const uint8_t *p = f->p + h->size;
	enum err e;

	f->p = p + n;
	if (!f->r->server || n == 0)
		return take_payload(f, h, p);
	memcpy(pool->scratch, p, n);
	ws_mask(pool->scratch, n, h->mask, 0);
	pool->scratch_taken = true;
	e = take_payload(f, h, pool->scratch);
	pool->scratch_taken = false;
	return e;
}

static bool fits_whole(const struct feed *f, const struct ws_head *h)
{
	const size_t have = (size_t)(f->end - f->p) - h->size;

	if (h->payload > have)
		return false;
	return !f->r->server ||
	       (h->payload <= WS_SCRATCH_BYTES && !f->pool->scratch_taken);
}

/* --- Cut frames ----------------------------------------------------------- */

/* The parser goes back first: the owner may release the receiver. */
static enum err finish_cut(struct feed *f)
{
	struct ws_receiver *r = f->r;
	struct ws_parser *parser = r->parser;
	const struct ws_head h = parser->head;
	const size_t n = parser->control_n;
	uint8_t control[WS_CONTROL_MAX];

	memcpy(control, parser->control, n);
	r->parser = NULL;
	ws_pool_give_parser(f->pool, parser);
	if (ws_opcode_is_control(h.opcode))
		return deliver_control(f, h.opcode, slice_of(control, n));
	return message_end(f, h.fin);
}

static enum err take_piece(struct feed *f, const struct wslay_frame_iocb *io)
{
	struct ws_parser *parser = f->r->parser;

	if (!ws_opcode_is_control(parser->head.opcode))
		return message_add(f, io->data, io->data_length);
	memcpy(parser->control + parser->control_n, io->data, io->data_length);
	parser->control_n += (uint8_t)io->data_length;
	return ERR_OK;
}

/* Runs `n` bytes, none beyond the frame's end, through wslay. */
static enum err run_wslay(struct feed *f, const uint8_t *p, size_t n)
{
	struct ws_parser *parser = f->r->parser;
	enum err e = ERR_OK;

	parser->in = p;
	parser->in_n = n;
	while (e == ERR_OK) {
		struct wslay_frame_iocb io;
		ssize_t got = wslay_frame_recv(parser->wslay, &io);

		if (got == WSLAY_ERR_WANT_READ)
			break;
		if (got < 0) {
			parser->broken = true;
			return fail(f, ERR_PROTO, "malformed frame");
		}
		CHECK((uint64_t)got <= parser->left);
		parser->left -= (uint64_t)got;
		if (got > 0)
			e = take_piece(f, &io);
		if (parser->left == 0)
			break;
	}
	return e;
}

/*
 * wslay gets the head of a frame that is not masked, and the payload as such:
 * it would unmask byte by byte, which costs more than all the rest together.
 */
static enum err start_wslay(struct feed *f)
{
	struct ws_parser *parser = f->r->parser;
	size_t n = parser->bytes_n;
	enum err e;

	if (f->r->server) {
		parser->bytes[1] &= 0x7f;
		n -= sizeof(parser->head.mask);
	}
	e = run_wslay(f, parser->bytes, n);
	parser->masked = f->r->server;
	return e;
}

/* Collects the head; hands it to wslay when it is whole and right. */
static enum err feed_head(struct feed *f)
{
	struct ws_parser *parser = f->r->parser;
	enum err e = ERR_AGAIN;

	while (e == ERR_AGAIN && f->p < f->end) {
		parser->bytes[parser->bytes_n++] = *f->p++;
		e = judge_head(f, parser->bytes, parser->bytes_n,
			       &parser->head);
	}
	if (e != ERR_OK)
		return e;
	parser->has_head = true;
	parser->left = parser->head.payload;
	if (!ws_opcode_is_control(parser->head.opcode))
		message_start(f->r, &parser->head);
	return start_wslay(f);
}

static enum err feed_cut(struct feed *f)
{
	struct ws_parser *parser = f->r->parser;
	size_t n = (size_t)(f->end - f->p);
	enum err e = ERR_OK;

	if (!parser->has_head) {
		e = feed_head(f);
	} else {
		if (n > parser->left)
			n = (size_t)parser->left;
		f->p += n;
		e = run_wslay(f, f->p - n, n);
	}
	if (e == ERR_OK && parser->left == 0)
		e = finish_cut(f);
	return e;
}

/* One frame, or what there is of it. */
static enum err feed_frame(struct feed *f)
{
	struct ws_head h;
	enum err e;

	if (f->r->parser)
		return feed_cut(f);
	e = judge_head(f, f->p, (size_t)(f->end - f->p), &h);
	if (e == ERR_OK && fits_whole(f, &h))
		return take_whole(f, &h);
	if (e != ERR_OK && e != ERR_AGAIN)
		return e;
	f->r->parser = ws_pool_take_parser(f->pool);
	return feed_cut(f);
}

/* --- The receiver --------------------------------------------------------- */

void ws_receiver_init(struct ws_receiver *r, bool server, size_t limit)
{
	*r = (struct ws_receiver){.server = server};
	buf_init(&r->message, limit);
	utf8_init(&r->utf8);
}

void ws_receiver_deflate(struct ws_receiver *r, bool keeps_context)
{
	r->deflate = true;
	r->keeps_context = keeps_context;
}

void ws_receiver_release(struct ws_receiver *r, struct ws_pool *pool)
{
	if (r->parser) {
		struct ws_parser *parser = r->parser;

		r->parser = NULL;
		ws_pool_give_parser(pool, parser);
	}
	ws_pool_give_inflater(pool, r->inflater);
	r->inflater = NULL;
	buf_release(&r->message);
	r->opcode = 0;
	r->compressed = false;
	r->closed = true;
}

static unsigned code_of(enum err e)
{
	switch (e) {
	case ERR_UTF8:
		return WS_CLOSE_INVALID;
	case ERR_LIMIT:
		return WS_CLOSE_TOO_BIG;
	case ERR_NOMEM:
		return WS_CLOSE_INTERNAL;
	default:
		return WS_CLOSE_PROTOCOL;
	}
}

enum err ws_receiver_feed(struct ws_receiver *r, struct ws_pool *pool,
			  struct slice bytes, const struct ws_events *events,
			  void *arg, unsigned *close_code, const char **why)
{
	size_t used;

	return ws_receiver_feed_some(r, pool, bytes, &used, events, arg,
				     close_code, why);
}

enum err ws_receiver_feed_some(struct ws_receiver *r, struct ws_pool *pool,
			       struct slice bytes, size_t *used,
			       const struct ws_events *events, void *arg,
			       unsigned *close_code, const char **why)
{
	struct feed f = {.r = r, .pool = pool, .events = events, .arg = arg};
	enum err e = ERR_OK;

	*used = bytes.n;
	if (r->closed || bytes.n == 0)
		return ERR_OK;
	f.p = (const uint8_t *)bytes.p;
	f.end = f.p + bytes.n;
	while (f.p < f.end && (e == ERR_OK || e == ERR_AGAIN)) {
		e = feed_frame(&f);
		if (e == ERR_CLOSED) {
			*used -= (size_t)(f.end - f.p);
			return ERR_OK; /* `r` may be gone */
		}
		if (r->closed)
			break;
	}
	if (e == ERR_OK || e == ERR_AGAIN)
		return ERR_OK;
	ws_receiver_release(r, pool);
	*close_code = f.code != 0 ? f.code : code_of(e);
	*why = f.why;
	return e;
}

bool ws_receiver_idle(const struct ws_receiver *r)
{
	return !r->parser && r->opcode == 0 && !r->closed;
}

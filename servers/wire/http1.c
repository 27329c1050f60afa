/* SPDX-License-Identifier: MIT */
#include "servers/wire/http1.h"

#include <string.h>

#include "servers/base/hex.h"
#include "servers/wire/http1_head.h"

enum state {
	STATE_HEAD,
	STATE_BODY,	   /* `remaining` bytes */
	STATE_UNTIL_CLOSE, /* all bytes */
	STATE_SIZE_START,  /* the first digit of a chunk's size */
	STATE_SIZE,
	STATE_EXTENSION, /* the rest of the size line */
	STATE_SIZE_LF,
	STATE_CHUNK,	/* `remaining` bytes */
	STATE_CHUNK_CR, /* the line end after a chunk's bytes */
	STATE_CHUNK_LF,
	STATE_TRAILER_START, /* the first byte of a trailer line */
	STATE_TRAILER,
	STATE_TRAILER_LF,
	STATE_LAST_LF, /* of the empty line that ends the trailers */
	STATE_UPGRADED,
	STATE_FAILED,
};

static bool has_body(const struct http1_parser *p)
{
	unsigned status = p->response.status;

	return !p->head_request && status != 204 && status != 304;
}

static void finish(struct http1_parser *p, const struct http1_handler *h,
		   void *arg)
{
	p->state = STATE_HEAD;
	h->on_end(arg);
}

/* A whole head is there. *ended tells when the response is over with it. */
static enum err take_head(struct http1_parser *p, struct slice head,
			  const struct http1_handler *h, void *arg, bool *ended)
{
	struct http1_response *r = &p->response;

	if (!http1_head_parse(p, head))
		return ERR_PROTO;
	if (r->status < 200 && r->status != 101)
		return ERR_OK;
	r->upgrade = r->status == 101;
	if (r->upgrade)
		p->state = STATE_UPGRADED;
	else if (!has_body(p))
		p->remaining = 0;
	else if (p->chunked)
		p->state = STATE_SIZE_START;
	else if (!p->has_length)
		p->state = STATE_UNTIL_CLOSE;
	else if (p->remaining)
		p->state = STATE_BODY;
	r->until_close = p->state == STATE_UNTIL_CLOSE;
	if (r->until_close)
		r->keep_alive = false;
	h->on_head(arg, r);
	r->headers = slice_of(NULL, 0);
	*ended = p->state == STATE_HEAD || p->state == STATE_UPGRADED;
	if (p->state == STATE_HEAD)
		finish(p, h, arg);
	return ERR_OK;
}

/* Whether a head may start like that: garbage is found at its first byte. */
static bool starts_like_http(struct slice s)
{
	return memcmp(s.p, "HTTP/1.", s.n < 7 ? s.n : 7) == 0;
}

/*
 * The first empty line ends a head. It may lie across what came before, so
 * only line ends from `from` on are looked at. Returns the head's length or 0.
 */
static size_t head_length(struct slice s, size_t from)
{
	const char *lf = memchr(s.p + from, '\n', s.n - from);

	while (lf) {
		size_t n = (size_t)(lf - s.p) + 1;

		if (n >= 4 && memcmp(lf - 3, "\r\n\r", 3) == 0)
			return n;
		lf = memchr(s.p + n, '\n', s.n - n);
	}
	return 0;
}

/* Goes on with a head of which a part waits in p->head. */
static enum err feed_cut_head(struct http1_parser *p, struct slice bytes,
			      const struct http1_handler *h, void *arg,
			      size_t *used, bool *ended)
{
	size_t old = p->head.len;
	size_t n = HTTP1_HEAD_MAX - old;
	enum err e;

	*used = bytes.n < n ? bytes.n : n;
	e = buf_add(&p->head, bytes.p, *used);
	if (e)
		return e;
	if (!starts_like_http(buf_slice(&p->head)))
		return ERR_PROTO;
	n = head_length(buf_slice(&p->head), old);
	if (n == 0)
		return p->head.len < HTTP1_HEAD_MAX ? ERR_OK : ERR_LIMIT;
	*used = n - old;
	e = take_head(p, slice_of(p->head.data, n), h, arg, ended);
	buf_clear(&p->head);
	return e;
}

static enum err feed_head(struct http1_parser *p, struct slice bytes,
			  const struct http1_handler *h, void *arg,
			  size_t *used, bool *ended)
{
	struct slice window = bytes;

	if (p->head.len)
		return feed_cut_head(p, bytes, h, arg, used, ended);
	if (window.n > HTTP1_HEAD_MAX)
		window.n = HTTP1_HEAD_MAX;
	if (!starts_like_http(window))
		return ERR_PROTO;
	*used = head_length(window, 0);
	if (*used == 0)
		return feed_cut_head(p, bytes, h, arg, used, ended);
	window.n = *used;
	return take_head(p, window, h, arg, ended);
}

/* Bodies */

static size_t feed_body(struct http1_parser *p, struct slice bytes,
			const struct http1_handler *h, void *arg, bool *ended)
{
	if (bytes.n > p->remaining)
		bytes.n = (size_t)p->remaining;
	p->remaining -= bytes.n;
	h->on_body(arg, bytes);
	if (p->remaining)
		return bytes.n;
	if (p->state == STATE_CHUNK) {
		p->state = STATE_CHUNK_CR;
		return bytes.n;
	}
	*ended = true;
	finish(p, h, arg);
	return bytes.n;
}

/* One byte of a chunk's size line (RFC 9112 section 7.1). */
static enum err feed_size(struct http1_parser *p, char c)
{
	int digit = hex_value(c);

	if (++p->line > HTTP1_CHUNK_LINE_MAX)
		return ERR_LIMIT;
	if (digit >= 0 && p->state != STATE_EXTENSION) {
		if (p->remaining >> 56)
			return ERR_PROTO;
		p->remaining = p->remaining << 4 | (uint64_t)digit;
		p->state = STATE_SIZE;
		return ERR_OK;
	}
	if (p->state == STATE_SIZE_START)
		return ERR_PROTO;
	if (c == '\r') {
		p->state = STATE_SIZE_LF;
		return ERR_OK;
	}
	if (c == '\n' || c == '\0')
		return ERR_PROTO;
	if (p->state == STATE_SIZE && c != ';' && c != ' ' && c != '\t')
		return ERR_PROTO;
	p->state = STATE_EXTENSION;
	return ERR_OK;
}

/* One byte of the trailers, which nobody asks for: only bounded. */
static enum err feed_trailer(struct http1_parser *p, char c)
{
	if (++p->line > HTTP1_TRAILERS_MAX)
		return ERR_LIMIT;
	if (c == '\n' || c == '\0')
		return ERR_PROTO;
	if (c == '\r')
		p->state = p->state == STATE_TRAILER_START ? STATE_LAST_LF
							   : STATE_TRAILER_LF;
	else
		p->state = STATE_TRAILER;
	return ERR_OK;
}

/* A byte that can be nothing but `want`; moves to state `next`. */
static enum err expect(struct http1_parser *p, char c, char want, int next)
{
	if (c != want)
		return ERR_PROTO;
	p->state = next;
	return ERR_OK;
}

/* One byte between the chunks' bytes. */
static enum err feed_framing(struct http1_parser *p, char c,
			     const struct http1_handler *h, void *arg,
			     bool *ended)
{
	enum err e;

	switch (p->state) {
	case STATE_SIZE_LF:
		p->line = 0;
		return expect(p, c, '\n',
			      p->remaining ? STATE_CHUNK : STATE_TRAILER_START);
	case STATE_CHUNK_CR:
		return expect(p, c, '\r', STATE_CHUNK_LF);
	case STATE_CHUNK_LF:
		p->line = 0;
		return expect(p, c, '\n', STATE_SIZE_START);
	case STATE_TRAILER_START:
	case STATE_TRAILER:
		return feed_trailer(p, c);
	case STATE_TRAILER_LF:
		return expect(p, c, '\n', STATE_TRAILER_START);
	case STATE_LAST_LF:
		e = expect(p, c, '\n', STATE_HEAD);
		if (e)
			return e;
		*ended = true;
		finish(p, h, arg);
		return ERR_OK;
	default:
		return feed_size(p, c);
	}
}

/* Feeds some bytes to the present state. */
static enum err step(struct http1_parser *p, struct slice bytes,
		     const struct http1_handler *h, void *arg, size_t *used,
		     bool *ended)
{
	switch (p->state) {
	case STATE_HEAD:
		return feed_head(p, bytes, h, arg, used, ended);
	case STATE_BODY:
	case STATE_CHUNK:
		*used = feed_body(p, bytes, h, arg, ended);
		return ERR_OK;
	case STATE_UNTIL_CLOSE:
		*used = bytes.n;
		h->on_body(arg, bytes);
		return ERR_OK;
	case STATE_FAILED:
		return ERR_PROTO;
	default:
		*used = 1;
		return feed_framing(p, bytes.p[0], h, arg, ended);
	}
}

enum err http1_parser_feed(struct http1_parser *p, struct slice bytes,
			   const struct http1_handler *h, void *arg,
			   size_t *consumed)
{
	bool ended = p->state == STATE_UPGRADED;
	enum err e = ERR_OK;

	*consumed = 0;
	while (*consumed < bytes.n && !ended && !e) {
		size_t used = 0;

		e = step(p, slice_after(bytes, *consumed), h, arg, &used,
			 &ended);
		*consumed += used;
	}
	if (e)
		p->state = STATE_FAILED;
	return e;
}

enum err http1_parser_eof(struct http1_parser *p, const struct http1_handler *h,
			  void *arg)
{
	switch (p->state) {
	case STATE_UNTIL_CLOSE:
		finish(p, h, arg);
		return ERR_OK;
	case STATE_UPGRADED:
		return ERR_OK;
	case STATE_HEAD:
		return p->head.len ? ERR_CLOSED : ERR_OK;
	case STATE_FAILED:
		return ERR_PROTO;
	default:
		return ERR_CLOSED;
	}
}

void http1_parser_init(struct http1_parser *p)
{
	memset(p, 0, sizeof(*p));
	p->state = STATE_HEAD;
	buf_init(&p->head, HTTP1_HEAD_MAX);
}

void http1_parser_release(struct http1_parser *p)
{
	buf_release(&p->head);
}

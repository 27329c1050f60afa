/* SPDX-License-Identifier: MIT */
#include "bench/link/http1.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 18

void http1_init(struct http1 *h, struct http1_exchange *exchange, bool answers,
		bool strip)
{
	*h = (struct http1){
		.exchange = exchange, .answers = answers, .strip = strip};
	buf_init(&h->line, HTTP1_LINE_MAX);
}

void http1_release(struct http1 *h)
{
	buf_release(&h->line);
}

/* Text */

static bool starts_with(struct slice s, const char *text)
{
	size_t n = strlen(text);

	return s.n >= n && memcmp(s.p, text, n) == 0;
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && isspace((unsigned char)s.p[0]))
		s = slice_after(s, 1);
	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* Takes the part before `separator` off the front of `*rest`. */
static struct slice next_part(struct slice *rest, char separator)
{
	const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
	struct slice part = *rest;

	if (at)
		part.n = (size_t)(at - rest->p);
	*rest = slice_after(*rest, part.n + 1);
	return trim(part);
}

static bool has_token(struct slice list, const char *token)
{
	while (list.n > 0) {
		if (is_word(next_part(&list, ','), token))
			return true;
	}
	return false;
}

static bool parse_number(struct slice s, unsigned base, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > (base == 16 ? 15 : LENGTH_DIGITS_MAX))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (base == 16 ? !isxdigit(c) : !isdigit(c))
			return false;
		value *= base;
		value += isdigit(c) ? (unsigned)c - '0'
				    : (unsigned)tolower(c) - 'a' + 10;
	}
	*out = value;
	return true;
}

/* Messages */

static enum err start_request(struct http1 *h, struct slice line)
{
	struct http1_exchange *x = h->exchange;
	struct slice method = next_part(&line, ' ');

	line = trim(line);
	if (method.n == 0 || line.n < 10 ||
	    !starts_with(slice_after(line, line.n - 9), " HTTP/1."))
		return ERR_PROTO;
	if (x->pending == HTTP1_REQUESTS_MAX)
		return ERR_LIMIT;
	if (slice_is(method, "HEAD"))
		x->heads |= (uint64_t)1 << x->pending;
	x->pending++;
	return ERR_OK;
}

static enum err start_answer(struct http1 *h, struct slice line)
{
	uint64_t status;

	if (!starts_with(line, "HTTP/1.") || line.n < 12 ||
	    !parse_number(slice_of(line.p + 9, 3), 10, &status))
		return ERR_PROTO;
	h->status = (unsigned)status;
	h->head = (h->exchange->heads & 1) != 0;
	return ERR_OK;
}

static enum err start(struct http1 *h, struct slice line)
{
	h->chunked = false;
	h->has_length = false;
	h->stripping = false;
	h->left = 0;
	h->state = HTTP1_FIELD;
	return h->answers ? start_answer(h, line) : start_request(h, line);
}

/* The message is over; an interim answer (100) is not the last one. */
static void finish(struct http1 *h)
{
	struct http1_exchange *x = h->exchange;

	h->state = HTTP1_START;
	if (!h->answers || h->status < 200 || x->pending == 0)
		return;
	x->pending--;
	x->heads >>= 1;
}

/* Behind the empty line: what follows, by RFC 9112 section 6.3. */
static void finish_head(struct http1 *h)
{
	if (h->answers && h->status == 101)
		h->exchange->tunnel = true;
	if (h->answers && (h->status < 200 || h->status == 204 ||
			   h->status == 304 || h->head))
		finish(h);
	else if (h->chunked)
		h->state = HTTP1_CHUNK_SIZE;
	else if (h->has_length && h->left > 0)
		h->state = HTTP1_BODY;
	else if (h->answers && !h->has_length)
		h->state = HTTP1_UNTIL_END;
	else
		finish(h);
}

static enum err field(struct http1 *h, struct slice line, bool *keep)
{
	struct slice value = line;
	struct slice name;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) {
		*keep = !h->stripping; /* goes on with the field before */
		return ERR_OK;
	}
	name = next_part(&value, ':');
	value = trim(value);
	h->stripping =
		h->strip &&
		(is_word(name, "upgrade") ||
		 (is_word(name, "connection") && has_token(value, "upgrade")));
	*keep = !h->stripping;
	if (is_word(name, "transfer-encoding") && has_token(value, "chunked"))
		h->chunked = true;
	if (is_word(name, "content-length")) {
		h->has_length = true;
		if (!parse_number(value, 10, &h->left))
			return ERR_PROTO;
	}
	return ERR_OK;
}

static enum err chunk_size(struct http1 *h, struct slice line)
{
	if (!parse_number(next_part(&line, ';'), 16, &h->left))
		return ERR_PROTO;
	if (h->left == 0) {
		h->state = HTTP1_TRAILER;
		return ERR_OK;
	}
	h->left += 2;
	h->state = HTTP1_CHUNK;
	return ERR_OK;
}

/* Takes a line without its end; *keep: whether it goes on. */
static enum err take_line(struct http1 *h, struct slice line, bool *keep)
{
	switch (h->state) {
	case HTTP1_START:
		if (line.n == 0 && !h->answers)
			return ERR_OK; /* empty lines before a request */
		return start(h, line);
	case HTTP1_FIELD:
		if (line.n > 0)
			return field(h, line, keep);
		finish_head(h);
		return ERR_OK;
	case HTTP1_CHUNK_SIZE:
		return chunk_size(h, line);
	case HTTP1_TRAILER:
		if (line.n == 0)
			finish(h);
		return ERR_OK;
	default:
		return ERR_PROTO;
	}
}

/* Feeding */

static bool in_lines(const struct http1 *h)
{
	return h->state != HTTP1_BODY && h->state != HTTP1_CHUNK &&
	       h->state != HTTP1_UNTIL_END;
}

/* Takes bytes of a body from the front of *in. */
static enum err feed_body(struct http1 *h, struct slice *in, struct buf *out)
{
	size_t n = in->n;
	enum err e;

	if (h->state != HTTP1_UNTIL_END && n > h->left)
		n = (size_t)h->left;
	e = buf_add(out, in->p, n);
	*in = slice_after(*in, n);
	if (e || h->state == HTTP1_UNTIL_END)
		return e;
	h->left -= n;
	if (h->left > 0)
		return ERR_OK;
	if (h->state == HTTP1_CHUNK)
		h->state = HTTP1_CHUNK_SIZE;
	else
		finish(h);
	return ERR_OK;
}

/* Takes bytes up to the end of a line from the front of *in. */
static enum err feed_line(struct http1 *h, struct slice *in, struct buf *out)
{
	const char *end = memchr(in->p, '\n', in->n);
	size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
	enum err e = buf_add(&h->line, in->p, n);
	struct slice line;
	bool keep = true;

	*in = slice_after(*in, n);
	if (e || !end)
		return e;
	line = slice_of(h->line.data, h->line.len - 1);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	e = take_line(h, line, &keep);
	if (!e && keep)
		e = buf_add_slice(out, buf_slice(&h->line));
	buf_clear(&h->line);
	return e;
}

/* Takes some of what is in *in, which is not empty. */
static enum err feed_some(struct http1 *h, struct slice *in, struct buf *out)
{
	enum err e;

	if (!h->exchange->tunnel)
		return in_lines(h) ? feed_line(h, in, out)
				   : feed_body(h, in, out);
	e = buf_add_slice(out, *in);
	in->n = 0;
	return e;
}

bool http1_between(const struct http1 *h)
{
	return h->state == HTTP1_START && h->line.len == 0;
}

enum err http1_feed(struct http1 *h, struct slice in, struct buf *out,
		    size_t *whole)
{
	enum err e = ERR_OK;

	*whole = 0;
	while (!e && in.n > 0) {
		e = feed_some(h, &in, out);
		if (!e && (h->exchange->tunnel || http1_between(h)))
			*whole = out->len;
	}
	return e;
}

enum err http1_feed_one(struct http1 *h, struct slice *in, struct buf *out)
{
	enum err e = ERR_OK;

	while (!e && in->n > 0) {
		e = feed_some(h, in, out);
		if (!h->exchange->tunnel && http1_between(h))
			break;
	}
	return e;
}

enum err http1_end(struct http1 *h, struct buf *out)
{
	enum err e = buf_add_slice(out, buf_slice(&h->line));

	buf_clear(&h->line);
	return e;
}

/* SPDX-License-Identifier: MIT */
#include "servers/wire/http1_head.h"

#include <string.h>
#include <strings.h>

/* Header lines */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_after(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool equals_ignoring_case(struct slice a, const char *b)
{
	return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/*
 * A character of a token (RFC 9110 section 5.6.2), of which names consist:
 * letters, digits and !#$%&'*+-.^_`|~ as a bit set of the 128 ASCII codes.
 */
static bool is_token_char(char c)
{
	static const uint32_t set[4] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
	unsigned char u = (unsigned char)c;

	return u < 128 && (set[u >> 5] >> (u & 31) & 1);
}

/* Takes the next line, which an LF ends, off `rest`; drops its line end. */
static bool take_line(struct slice *rest, struct slice *line)
{
	const char *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!lf)
		return false;
	*line = slice_of(rest->p, (size_t)(lf - rest->p));
	*rest = slice_after(*rest, line->n + 1);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool split_header(struct slice line, struct slice *name,
			 struct slice *value)
{
	size_t n = 0;

	while (n < line.n && is_token_char(line.p[n]))
		n++;
	if (n == 0 || n == line.n || line.p[n] != ':')
		return false;
	*name = slice_of(line.p, n);
	*value = trim(slice_after(line, n + 1));
	return true;
}

bool http1_header(struct slice headers, const char *name, struct slice *value)
{
	size_t n = strlen(name);
	struct slice line;

	while (take_line(&headers, &line)) {
		if (line.n <= n || line.p[n] != ':' ||
		    strncasecmp(line.p, name, n) != 0)
			continue;
		*value = trim(slice_after(line, n + 1));
		return true;
	}
	return false;
}

bool http1_has_token(struct slice value, const char *token)
{
	while (value.n) {
		const char *comma = memchr(value.p, ',', value.n);
		struct slice item = value;

		if (comma)
			item.n = (size_t)(comma - value.p);
		value = slice_after(value, item.n + 1);
		if (equals_ignoring_case(trim(item), token))
			return true;
	}
	return false;
}

bool http1_is_token(struct slice text)
{
	size_t n = 0;

	while (n < text.n && is_token_char(text.p[n]))
		n++;
	return n > 0 && n == text.n;
}

bool http1_origin_listed(const char *const *origins, struct slice origin)
{
	size_t i = 0;

	while (origins[i] && !equals_ignoring_case(origin, origins[i]))
		i++;
	return origins[i] != NULL;
}

/* Heads */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At most 18 digits, so that nothing overflows and sums are safe. */
static bool parse_length(struct slice value, uint64_t *out)
{
	uint64_t length = 0;

	if (value.n == 0 || value.n > 18)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (!is_digit(value.p[i]))
			return false;
		length = length * 10 + (uint64_t)(value.p[i] - '0');
	}
	*out = length;
	return true;
}

/* Takes note of the headers that frame the message (RFC 9112 section 6). */
static bool note_header(struct http1_parser *p, struct slice name,
			struct slice value)
{
	uint64_t length;

	if (equals_ignoring_case(name, "connection")) {
		if (http1_has_token(value, "close"))
			p->response.keep_alive = false;
		else if (p->response.minor == 0 &&
			 http1_has_token(value, "keep-alive"))
			p->response.keep_alive = true;
		return true;
	}
	if (equals_ignoring_case(name, "content-length")) {
		if (!parse_length(value, &length) ||
		    (p->has_length && p->remaining != length))
			return false;
		p->has_length = true;
		p->remaining = length;
		return true;
	}
	if (equals_ignoring_case(name, "transfer-encoding")) {
		if (p->chunked || !equals_ignoring_case(value, "chunked"))
			return false;
		p->chunked = true;
	}
	return true;
}

/* `HTTP/1.x SSS` and a reason, which may be missing altogether. */
static bool parse_status(struct http1_response *r, struct slice line)
{
	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 ||
	    !is_digit(line.p[7]) || line.p[8] != ' ')
		return false;
	if (line.n > 12 && line.p[12] != ' ')
		return false;
	r->status = 0;
	for (size_t i = 9; i < 12; i++) {
		if (!is_digit(line.p[i]))
			return false;
		r->status = r->status * 10 + (unsigned)(line.p[i] - '0');
	}
	r->minor = (unsigned)(line.p[7] - '0');
	return r->status >= 100;
}

/* A line of a head: it ends in CRLF and has no other CR, as smugglers like. */
static bool take_head_line(struct slice *rest, struct slice *line)
{
	return take_line(rest, line) && line->p[line->n] == '\r' &&
	       (line->n == 0 || !memchr(line->p, '\r', line->n));
}

bool http1_head_parse(struct http1_parser *p, struct slice head)
{
	struct http1_response *r = &p->response;
	struct slice line, name, value;

	memset(r, 0, sizeof(*r));
	p->remaining = 0;
	p->line = 0;
	p->has_length = false;
	p->chunked = false;
	/* Without the empty line, the last header's line end is the end. */
	head.n -= 2;
	if (memchr(head.p, '\0', head.n) || !take_head_line(&head, &line) ||
	    !parse_status(r, line))
		return false;
	r->keep_alive = r->minor >= 1;
	r->headers = head;
	while (head.n)
		if (!take_head_line(&head, &line) ||
		    !split_header(line, &name, &value) ||
		    !note_header(p, name, value))
			return false;
	return !(p->chunked && (p->has_length || r->minor == 0));
}

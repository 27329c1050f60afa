/* SPDX-License-Identifier: MIT */
#include "servers/wire/http1_request.h"

#include <strings.h>

#include "servers/wire/http1.h"

#define METHOD_MAX 64
#define LENGTH_DIGITS_MAX 18

/* What the lines of a head have said so far. */
struct head {
	struct http1_look look;
	struct http1_request *out;
	unsigned hosts, lengths, encodings;
	struct slice length;
};

static bool refuse(struct head *h, unsigned status, const char *why)
{
	h->look.status = status;
	h->look.why = why;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

/* Takes `n` bytes off the front. */
static struct slice cut(struct slice *rest, size_t n)
{
	struct slice piece = slice_of(rest->p, n);

	*rest = slice_after(*rest, n);
	return piece;
}

/* --- The request line ----------------------------------------------------- */

/* The authority of `http://authority/`, or nothing in another form. */
static bool absolute_form(struct slice target, struct slice *authority)
{
	static const char *const schemes[] = {"http://", "https://"};

	if (target.n > 0 && target.p[0] == '/')
		return false;
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(schemes[i]);

		if (target.n < n || strncasecmp(target.p, schemes[i], n) != 0)
			continue;
		*authority = slice_after(target, n);
		n = 0;
		while (n < authority->n && !strchr("/?#", authority->p[n]))
			n++;
		authority->n = n;
		return true;
	}
	return false;
}

/*
 * A name or address and perhaps a port, loosely: no control character, blank,
 * or one of "<>\^`{|}/?#@, as a bit set of the 128 ASCII codes.
 */
static bool is_host(struct slice host)
{
	static const uint32_t set[4] = {0, 0x2fff6ff2, 0xaffffffe, 0x47fffffe};

	for (size_t i = 0; i < host.n; i++) {
		unsigned char u = (unsigned char)host.p[i];

		if (u >= 128 || !(set[u >> 5] >> (u & 31) & 1))
			return false;
	}
	return true;
}

const char *http1_target_path(const char *target)
{
	struct slice authority;

	if (!absolute_form(slice_str(target), &authority))
		return target;
	target = authority.p + authority.n;
	return *target == '/' ? target : "/";
}

static bool look_at_target(struct head *h, struct slice target)
{
	struct slice authority;

	if (target.n == 0)
		return refuse(h, 400, "malformed request line");
	if (target.n > HTTP1_TARGET_MAX)
		return refuse(h, 414, "request target too long");
	for (size_t i = 0; i < target.n; i++) {
		if (is_control(target.p[i]) || target.p[i] == ' ')
			return refuse(h, 400, "malformed request line");
		h->look.parts += target.p[i] == '&';
	}
	h->out->target = target;
	h->out->plain &= target.p[0] == '/';
	if (absolute_form(target, &authority) &&
	    (authority.n == 0 || !is_host(authority) ||
	     memchr(authority.p, '%', authority.n)))
		return refuse(h, 400, "malformed request target");
	return true;
}

/* `HTTP/1.x`; another well-formed version is one that we do not speak. */
static bool look_at_version(struct head *h, struct slice version)
{
	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 ||
	    !is_digit(version.p[5]) || version.p[6] != '.' ||
	    !is_digit(version.p[7]))
		return refuse(h, 400, "malformed request line");
	if (version.p[5] != '1')
		return refuse(h, 505, "only HTTP/1.1 and HTTP/1.0 are spoken");
	h->out->minor = (unsigned)(version.p[7] - '0');
	h->out->plain &= h->out->minor <= 1;
	return true;
}

static bool look_at_request_line(struct head *h, struct slice line)
{
	size_t method = 0, end = line.n;

	while (method < line.n && line.p[method] != ' ')
		method++;
	if (method > METHOD_MAX || !http1_is_token(slice_of(line.p, method)))
		return refuse(h, 400, "malformed request line");
	h->out->method = slice_of(line.p, method);
	while (end > method && line.p[end - 1] != ' ')
		end--;
	/* One blank only: no version follows. */
	if (end <= method + 1)
		return refuse(h, 400, "malformed request line");
	return look_at_version(h, slice_after(line, end)) &&
	       look_at_target(h,
			      slice_of(line.p + method + 1, end - method - 2));
}

/* The start of a line that has not ended: whether it may become one. */
static bool look_at_start(struct head *h, struct slice start)
{
	const char *blank = memchr(start.p, ' ', start.n);
	size_t method = blank ? (size_t)(blank - start.p) : start.n;

	if (start.n > 0 && start.p[start.n - 1] == '\r' && !blank)
		method--;
	if (method > METHOD_MAX ||
	    (method > 0 && !http1_is_token(slice_of(start.p, method))))
		return refuse(h, 400, "malformed request line");
	if (start.n > METHOD_MAX + HTTP1_TARGET_MAX)
		return refuse(h, 414, "request target too long");
	return true;
}

/* --- Header lines --------------------------------------------------------- */

static bool name_is(struct slice name, const char *text)
{
	return name.n == strlen(text) && strncasecmp(name.p, text, name.n) == 0;
}

static bool look_at_length(struct head *h, struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!is_digit(value.p[i]))
			return refuse(h, 400, "malformed Content-Length");
	if (value.n == 0)
		return refuse(h, 400, "malformed Content-Length");
	if (h->lengths > 0 && !slice_eq(h->length, value))
		return refuse(h, 400, "contradicting Content-Length");
	h->length = value;
	if (value.n > LENGTH_DIGITS_MAX)
		return refuse(h, 413, "body too large");
	h->out->plain &= h->lengths++ == 0;
	h->out->has_length = true;
	h->out->length = 0;
	for (size_t i = 0; i < value.n; i++)
		h->out->length =
			h->out->length * 10 + (uint64_t)(value.p[i] - '0');
	return true;
}

static bool look_at_encoding(struct head *h, struct slice value)
{
	if (h->encodings++ > 0 || !name_is(value, "chunked"))
		return refuse(h, 400, "unknown Transfer-Encoding");
	h->out->plain = false;
	return true;
}

static bool look_at_value(struct head *h, struct slice name, struct slice value)
{
	if (memchr(value.p, '\0', value.n) || memchr(value.p, '\r', value.n))
		return refuse(h, 400, "malformed header");
	if (name_is(name, "Host")) {
		if (h->hosts++ > 0 || !is_host(value))
			return refuse(h, 400, "malformed Host");
	} else if (name_is(name, "Cookie")) {
		h->look.parts++;
		for (size_t i = 0; i < value.n; i++)
			h->look.parts += value.p[i] == ';';
	} else if (name_is(name, "Content-Length")) {
		return look_at_length(h, value);
	} else if (name_is(name, "Transfer-Encoding")) {
		return look_at_encoding(h, value);
	} else if (name_is(name, "Expect") || name_is(name, "Upgrade")) {
		h->out->plain = false;
	}
	return true;
}

static void keep_header(struct http1_request *q, struct slice name,
			struct slice value)
{
	if (q->header_count == HTTP1_HEADERS_MAX)
		q->plain = false;
	else
		q->headers[q->header_count++] =
			(struct http1_field){name, value};
}

static bool look_at_header(struct head *h, struct slice line)
{
	const char *colon = memchr(line.p, ':', line.n);
	struct slice name, value;

	if (!colon)
		return refuse(h, 400, "malformed header");
	name = slice_of(line.p, (size_t)(colon - line.p));
	/* A blank before it would be a folded line, or before the colon. */
	if (!http1_is_token(name))
		return refuse(h, 400, "malformed header");
	value = slice_of(colon + 1, line.n - name.n - 1);
	while (value.n > 0 && is_blank(value.p[0]))
		value = slice_after(value, 1);
	h->out->plain &= value.n == 0 || !is_blank(value.p[value.n - 1]);
	while (value.n > 0 && is_blank(value.p[value.n - 1]))
		value.n--;
	keep_header(h->out, name, value);
	return look_at_value(h, name, value);
}

/* What only all lines together can tell. */
static bool look_at_whole(struct head *h)
{
	const unsigned minor = h->out->minor;

	if (minor > 0 && h->hosts == 0)
		return refuse(h, 400, "no Host");
	if (h->encodings > 0 && (h->lengths > 0 || minor == 0))
		return refuse(h, 400, "contradicting Transfer-Encoding");
	return true;
}

/* --- Heads ---------------------------------------------------------------- */

/* Without its LF or CRLF. False when no line end has come. */
static bool take_line(struct head *h, struct slice *rest, struct slice *line)
{
	const char *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!lf)
		return false;
	*line = cut(rest, (size_t)(lf - rest->p) + 1);
	line->n--;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	else
		h->out->plain = false;
	return true;
}

static bool look_at_lines(struct head *h, struct slice bytes)
{
	struct slice rest = bytes, line = {0};

	/* Empty lines may precede a request (section 2.2). */
	while (line.n == 0)
		if (!take_line(h, &rest, &line))
			return look_at_start(h, rest);
	h->out->plain &= line.p == bytes.p;
	h->look.parts++;
	if (!look_at_request_line(h, line))
		return false;
	while (take_line(h, &rest, &line)) {
		if (line.n == 0) {
			h->look.size = bytes.n - rest.n;
			break;
		}
		h->look.parts++;
		if (!look_at_header(h, line))
			return false;
	}
	return h->look.size == 0 || look_at_whole(h);
}

struct http1_look http1_request_look(struct slice bytes,
				     struct http1_request *out)
{
	struct head h = {.out = out};

	out->plain = true;
	out->has_length = false;
	out->length = 0;
	out->minor = 0;
	out->header_count = 0;
	if (!look_at_lines(&h, bytes))
		return h.look;
	if (h.look.size > HTTP1_REQUEST_MAX ||
	    (h.look.size == 0 && bytes.n > HTTP1_REQUEST_MAX) ||
	    h.look.parts > HTTP1_PARTS_MAX)
		(void)refuse(&h, 431, "request head too large");
	return h.look;
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/http1_request.h"

#define HOST "Host: x\r\n"

static struct http1_look look_at(struct slice bytes)
{
	struct http1_request q;

	return http1_request_look(bytes, &q);
}

/* At every length of the head, and with another request behind it. */
static void expect_whole(const char *text)
{
	size_t size = strlen(text);
	struct http1_look look;
	char both[512];

	for (size_t n = 0; n <= size; n++) {
		look = look_at(slice_of(text, n));
		cr_assert_eq(look.status, 0, "%zu of %s: %s", n, text,
			     look.why);
		cr_assert_null(look.why);
		cr_assert_eq(look.size, n == size ? size : 0, "%s", text);
	}
	(void)snprintf(both, sizeof(both), "%sGARBAGE\r\n\r\n", text);
	look = look_at(slice_str(both));
	cr_assert_eq(look.status, 0);
	cr_assert_eq(look.size, size);
}

Test(http1_request, well_formed)
{
	expect_whole("GET / HTTP/1.1\r\n" HOST "\r\n");
	expect_whole("GET /a?b=c&d HTTP/1.1\r\nhost:a.example:8080\r\n\r\n");
	expect_whole("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
	expect_whole("GET / HTTP/1.0\r\n\r\n");
	expect_whole("GET / HTTP/1.1\n" HOST "\n");
	expect_whole("GET / HTTP/1.1\r\nHost:\r\nA:\r\nB: \t c \t\r\n\r\n");
	expect_whole("BREW / HTTP/1.1\r\n" HOST "\r\n");
	expect_whole("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "A: \xff\r\n\r\n");
	expect_whole("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
	expect_whole("GET HTTP://a.example:80/x HTTP/1.1\r\n" HOST "\r\n");
	expect_whole("POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n");
	expect_whole("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
		     "Content-Length: 1\r\n\r\n");
	expect_whole("POST / HTTP/1.1\r\n" HOST
		     "Transfer-Encoding: Chunked\r\n\r\n");
}

/* Refused, and still refused when more comes. */
static void expect_refused(const char *text, unsigned status, const char *why)
{
	struct http1_look look = look_at(slice_str(text));
	bool refused = false;

	cr_assert_eq(look.status, status, "%s: %u", text, look.status);
	cr_assert(strstr(look.why, why), "%s: %s", text, look.why);
	for (size_t n = 0; n <= strlen(text); n++) {
		look = look_at(slice_of(text, n));
		cr_assert(!refused || look.status != 0, "%zu of %s", n, text);
		refused = look.status != 0;
	}
}

Test(http1_request, request_lines)
{
	expect_refused("GARBAGE\r\n", 400, "request line");
	expect_refused("GARBAGE\r\n\r\n", 400, "request line");
	expect_refused("\x16\x03\x01", 400, "request line");
	expect_refused("GET /\r\n", 400, "request line");
	expect_refused("GET  / HTTP/1.1\r\n", 400, "request line");
	expect_refused("GET / HTTP/1.1 \r\n", 400, "request line");
	expect_refused("GET / x HTTP/1.1\r\n", 400, "request line");
	expect_refused("GET /\tx HTTP/1.1\r\n", 400, "request line");
	expect_refused(" GET / HTTP/1.1\r\n", 400, "request line");
	expect_refused("GET / http/1.1\r\n", 400, "request line");
	expect_refused("GET / HTTX/1.1\r\n", 400, "request line");
	expect_refused("GET / HTTP/1.10\r\n", 400, "request line");
	expect_refused("G(T / HTTP/1.1\r\n", 400, "request line");
	expect_refused("GET /\rHTTP/1.1\r\n", 400, "request line");
	expect_refused("PRI * HTTP/2.0\r\n", 505, "HTTP/1.1");
	expect_refused("GET / HTTP/0.9\r\n", 505, "HTTP/1.1");
	expect_refused("GET http:/// HTTP/1.1\r\n", 400, "target");
	expect_refused("GET http://a@b/ HTTP/1.1\r\n", 400, "target");
	expect_refused("GET http://a%2fb/ HTTP/1.1\r\n", 400, "target");
}

static void expect_refused_header(const char *lines, const char *why)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", lines);
	expect_refused(text, 400, why);
}

Test(http1_request, header_lines)
{
	expect_refused_header("", "Host");
	expect_refused_header(HOST HOST, "Host");
	expect_refused_header("Host: a b\r\n", "Host");
	expect_refused_header("Host: a/b\r\n", "Host");
	expect_refused_header("Host: a, b\r\n", "Host");
	expect_refused_header(HOST "no colon\r\n", "header");
	expect_refused_header(HOST ": x\r\n", "header");
	expect_refused_header("Host : x\r\n", "header");
	expect_refused_header(HOST " folded\r\n", "header");
	expect_refused_header(HOST "A: b\rC: d\r\n", "header");
	expect_refused_header(HOST "Content-Length: ten\r\n", "Length");
	expect_refused_header(HOST "Content-Length: +1\r\n", "Length");
	expect_refused_header(HOST "Content-Length: 5, 5\r\n", "Length");
	expect_refused_header(HOST "Content-Length:\r\n", "Length");
	expect_refused_header(HOST "Content-Length: 1\r\n"
				   "Content-Length: 2\r\n",
			      "Length");
	expect_refused_header(HOST "Transfer-Encoding: gzip\r\n", "Encoding");
	expect_refused_header(HOST "Transfer-Encoding: chunked, chunked\r\n",
			      "Encoding");
	expect_refused_header(HOST "Content-Length: 1\r\n"
				   "Transfer-Encoding: chunked\r\n",
			      "Encoding");
	expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		       400, "Encoding");
	expect_refused("POST / HTTP/1.1\r\n" HOST
		       "Content-Length: 1234567890123456789\r\n\r\n",
		       413, "too large");
}

Test(http1_request, nul_in_a_header)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n";

	cr_assert_eq(look_at(SLICE(text)).status, 400);
}

/* `head`, `n` fillers and `tail`. */
static struct http1_look look_at_long(const char *head, char filler, size_t n,
				      const char *tail)
{
	size_t start = strlen(head), end = strlen(tail);
	char *text = xmalloc(start + n + end);
	struct http1_look look;

	memcpy(text, head, start);
	memset(text + start, filler, n);
	memcpy(text + start + n, tail, end);
	look = look_at(slice_of(text, start + n + end));
	free(text);
	return look;
}

static unsigned status_of_long(const char *head, char filler, size_t n)
{
	return look_at_long(head, filler, n, "").status;
}

Test(http1_request, sizes)
{
	static const char get[] = "GET / HTTP/1.1\r\nA: ";

	cr_assert_eq(status_of_long("GET /", 'a', HTTP1_TARGET_MAX - 100), 0);
	cr_assert_eq(status_of_long("GET /", 'a', HTTP1_TARGET_MAX + 100), 414);
	cr_assert_eq(status_of_long("", 'A', 100), 400);
	cr_assert_eq(status_of_long(get, 'b', HTTP1_REQUEST_MAX - 100), 0);
	cr_assert_eq(status_of_long(get, 'b', HTTP1_REQUEST_MAX), 431);
	cr_assert_eq(status_of_long("", '\n', HTTP1_REQUEST_MAX + 1), 431);
}

Test(http1_request, parts)
{
	static const char cookies[] = "GET / HTTP/1.1\r\n" HOST "Cookie: ";
	struct http1_look look = look_at(
		SLICE("GET /?a&b HTTP/1.1\r\n" HOST "Cookie: a=b; c=d; e\r\n"));

	cr_assert_eq(look.parts, 7);
	look = look_at_long(cookies, ';', HTTP1_PARTS_MAX - 4, "\r\n\r\n");
	cr_assert_eq(look.status, 0);
	cr_assert_eq(look.parts, HTTP1_PARTS_MAX);
	/* Few bytes, but more than a parser has room for. */
	look = look_at_long(cookies, ';', HTTP1_PARTS_MAX - 3, "\r\n\r\n");
	cr_assert_eq(look.status, 431);
}

Test(http1_request, target_paths)
{
	cr_assert_str_eq(http1_target_path("/a"), "/a");
	cr_assert_str_eq(http1_target_path("*"), "*");
	cr_assert_str_eq(http1_target_path("http://a.example/b/c"), "/b/c");
	cr_assert_str_eq(http1_target_path("HTTPS://a.example:1/"), "/");
	cr_assert_str_eq(http1_target_path("http://a.example"), "/");
	cr_assert_str_eq(http1_target_path("/http://a/b"), "/http://a/b");
	cr_assert_str_eq(http1_target_path("ftp://a/b"), "ftp://a/b");
}

/* Plain requests */

static struct http1_request parts;
static struct http1_target target;
static char bytes[8192];

/* Whether it is plain; the parts are decoded then. */
static bool is_plain(const char *text)
{
	struct http1_look look;

	cr_assert_lt(strlen(text), sizeof(bytes));
	(void)snprintf(bytes, sizeof(bytes), "%s", text);
	look = http1_request_look(slice_str(bytes), &parts);
	cr_assert_eq(look.status, 0, "%s: %s", text, look.why);
	cr_assert_gt(look.size, 0, "%s", text);
	return parts.plain && http1_request_decode(bytes, &parts, &target);
}

static bool target_is_plain(const char *text)
{
	char request[8192];

	(void)snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\n" HOST "\r\n", text);
	return is_plain(request);
}

static void expect_text(struct slice s, const char *text)
{
	cr_assert(slice_is(s, text), "%.*s is not %s", SLICE_ARG(s), text);
	cr_assert_eq(s.p[s.n], '\0');
}

static void expect_field(const struct http1_field *f, const char *name,
			 const char *value)
{
	expect_text(f->name, name);
	expect_text(f->value, value);
}

Test(http1_request, plain_in_its_parts)
{
	cr_assert(is_plain("POST /a HTTP/1.0\r\n" HOST "A:  b c\r\nEmpty:\r\n"
			   "Content-Length: 12\r\n\r\nbody"));
	expect_text(parts.method, "POST");
	expect_text(target.path, "/a");
	cr_assert_eq(target.count, 0);
	cr_assert_eq(parts.minor, 0);
	cr_assert(parts.has_length);
	cr_assert_eq(parts.length, 12);
	cr_assert_eq(parts.header_count, 4);
	expect_field(&parts.headers[0], "Host", "x");
	expect_field(&parts.headers[1], "A", "b c");
	expect_field(&parts.headers[2], "Empty", "");
	expect_field(&parts.headers[3], "Content-Length", "12");
	cr_assert(is_plain("BREW / HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_not(parts.has_length);
	cr_assert_eq(parts.length, 0);
	cr_assert_eq(parts.minor, 1);
}

Test(http1_request, what_is_not_plain)
{
	cr_assert_not(is_plain("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\n" HOST "\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\r\nHost: x\n\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\r\n" HOST "\n"));
	cr_assert_not(is_plain("GET / HTTP/1.2\r\n" HOST "\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\r\n" HOST "A: b \r\n\r\n"));
	cr_assert_not(is_plain("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_not(is_plain("GET http://a/ HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n"));
	cr_assert_not(is_plain("GET / HTTP/1.1\r\n" HOST "upgrade: x\r\n\r\n"));
	cr_assert_not(is_plain("POST / HTTP/1.1\r\n" HOST
			       "Transfer-Encoding: chunked\r\n\r\n"));
	cr_assert_not(is_plain("POST / HTTP/1.1\r\n" HOST
			       "Content-Length: 1\r\n"
			       "Content-Length: 1\r\n\r\n"));
}

Test(http1_request, decodes_targets)
{
	cr_assert(target_is_plain("/a%20b+c%2f?x=%41+%2B&y&=z&&v=%3d=%26&u="));
	expect_text(target.path, "/a b+c/");
	cr_assert_eq(target.count, 6);
	expect_field(&target.arguments[0], "x", "A +");
	expect_field(&target.arguments[1], "y", "");
	expect_field(&target.arguments[2], "", "z");
	expect_field(&target.arguments[3], "", "");
	expect_field(&target.arguments[4], "v", "==&");
	expect_field(&target.arguments[5], "u", "");
	cr_assert(target_is_plain("/?"));
	cr_assert_eq(target.count, 0);
	cr_assert(target_is_plain("/?a?b=c#d"));
	expect_field(&target.arguments[0], "a?b", "c#d");
	cr_assert(target_is_plain("/%ff?%C3%a9"));
	expect_field(&target.arguments[0], "\xc3\xa9", "");
}

Test(http1_request, targets_that_are_not_plain)
{
	cr_assert_not(target_is_plain("/%00"));
	cr_assert_not(target_is_plain("/?a=%00"));
	cr_assert_not(target_is_plain("/?%00=a"));
	cr_assert_not(target_is_plain("/%"));
	cr_assert_not(target_is_plain("/%4"));
	cr_assert_not(target_is_plain("/?a=%4"));
	cr_assert_not(target_is_plain("/?a%4=b"));
	cr_assert_not(target_is_plain("/%4x"));
	cr_assert_not(target_is_plain("/%x4"));
}

/* The most arguments and headers that there may be, and one more. */
Test(http1_request, plain_has_bounds)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "/?");

	for (unsigned i = 0; i < HTTP1_ARGUMENTS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "a=%u&", i);
	cr_assert(target_is_plain(text));
	cr_assert_eq(target.count, HTTP1_ARGUMENTS_MAX);
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "b");
	cr_assert_not(target_is_plain(text));
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
	for (unsigned i = 1; i < HTTP1_HEADERS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "A: %u\r\n",
			      i);
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	cr_assert(is_plain(text));
	cr_assert_eq(parts.header_count, HTTP1_HEADERS_MAX);
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "B: c\r\n\r\n");
	cr_assert_not(is_plain(text));
}

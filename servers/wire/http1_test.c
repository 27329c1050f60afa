/* SPDX-License-Identifier: MIT */
#include "servers/wire/http1.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"

enum { LIMIT = 1 << 20 };

/* What was told, as text: `head 200 k [c] [u]`, `body`, `end`. */
struct told {
	struct buf log;
	bool in_body;
};

static void add(struct told *t, const char *text)
{
	cr_assert_eq(buf_add_str(&t->log, text), ERR_OK);
}

static void on_head(void *arg, const struct http1_response *r)
{
	struct told *t = arg;
	struct slice value;

	cr_assert_eq(buf_printf(&t->log, "[%u%s%s%s", r->status,
				r->keep_alive ? " keep" : "",
				r->until_close ? " close" : "",
				r->upgrade ? " upgrade" : ""),
		     ERR_OK);
	if (http1_header(r->headers, "x-test", &value)) {
		add(t, " ");
		cr_assert_eq(buf_add_slice(&t->log, value), ERR_OK);
	}
	add(t, "]");
}

static void on_body(void *arg, struct slice bytes)
{
	struct told *t = arg;

	cr_assert_gt(bytes.n, 0);
	cr_assert_eq(buf_add_slice(&t->log, bytes), ERR_OK);
}

static void on_end(void *arg)
{
	add(arg, ".");
}

static const struct http1_handler handler = {on_head, on_body, on_end};

/* Feeds pieces of `step` bytes, each in memory of exactly its size. */
static enum err feed(struct http1_parser *p, struct slice text, size_t step,
		     struct told *t)
{
	enum err e = ERR_OK;
	size_t used;

	while (text.n && !e) {
		size_t n = text.n < step ? text.n : step;
		char *piece = malloc(n);

		cr_assert_not_null(piece);
		memcpy(piece, text.p, n);
		e = http1_parser_feed(p, slice_of(piece, n), &handler, t,
				      &used);
		free(piece);
		cr_assert_leq(used, n);
		if (!e && used == 0)
			break;
		text = slice_after(text, used);
	}
	return e;
}

static void expect_step(struct slice text, size_t step, bool head_request,
			enum err want, const char *log)
{
	struct http1_parser p;
	struct told t = {0};

	http1_parser_init(&p);
	p.head_request = head_request;
	buf_init(&t.log, LIMIT);
	cr_assert_eq(feed(&p, text, step, &t), want, "\"%.*s\" by %zu",
		     SLICE_ARG(text), step);
	cr_assert(slice_is(buf_slice(&t.log), log),
		  "\"%.*s\" by %zu: \"%.*s\", not \"%s\"", SLICE_ARG(text),
		  step, SLICE_ARG(buf_slice(&t.log)), log);
	buf_release(&t.log);
	http1_parser_release(&p);
}

static void expect(const char *text, const char *log)
{
	for (size_t step = 1; step <= strlen(text); step++)
		expect_step(slice_str(text), step, false, ERR_OK, log);
}

static void expect_proto(const char *text, const char *log)
{
	for (size_t step = 1; step <= strlen(text); step++)
		expect_step(slice_str(text), step, false, ERR_PROTO, log);
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"

Test(http1, body_by_length)
{
	expect(OK_LINE "Content-Length: 5\r\nX-Test:  a b \t\r\n\r\nhello",
	       "[200 keep a b]hello.");
	expect(OK_LINE "content-length:0\r\n\r\n", "[200 keep].");
	expect("HTTP/1.1 404\r\nContent-Length: 1\r\n\r\nx", "[404 keep]x.");
	expect("HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\nx", "[404 keep]x.");
	expect(OK_LINE "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
	       "[200 keep]ab.");
}

Test(http1, pipelined_responses)
{
	expect(OK_LINE "Content-Length: 1\r\n\r\na" OK_LINE
		       "Content-Length: 2\r\n\r\nbcHTTP/1.1 204 No\r\n\r\n"
		       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "1\r\nd\r\n0\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
	       "[200 keep]a.[200 keep]bc.[204 keep].[200 keep]d.[304 keep].");
}

/* One feed ends with one response, so that its user can act in between. */
Test(http1, feed_stops_after_each_response)
{
	const char *one = OK_LINE "Content-Length: 1\r\n\r\na";
	struct http1_parser p;
	struct told t = {0};
	struct buf b;
	size_t used;

	http1_parser_init(&p);
	buf_init(&t.log, LIMIT);
	buf_init(&b, LIMIT);
	cr_assert_eq(buf_printf(&b, "%s%s", one, one), ERR_OK);
	cr_assert_eq(http1_parser_feed(&p, buf_slice(&b), &handler, &t, &used),
		     ERR_OK);
	cr_assert_eq(used, strlen(one));
	cr_assert(slice_is(buf_slice(&t.log), "[200 keep]a."));
	/* A head that lies whole in the bytes costs no memory. */
	cr_assert_null(p.head.data);
	buf_release(&b);
	buf_release(&t.log);
	http1_parser_release(&p);
}

Test(http1, chunked)
{
	const char *head = OK_LINE "Transfer-Encoding: Chunked\r\n\r\n";
	static const char *const bodies[][2] = {
		{"0\r\n\r\n", "[200 keep]."},
		{"5\r\nhello\r\n0\r\n\r\n", "[200 keep]hello."},
		{"3\r\na\r\n\r\n00a\r\n0123456789\r\n000\r\n\r\n",
		 "[200 keep]a\r\n0123456789."},
		{"1;name=\"v;\"\r\nx\r\nB \t;e\r\n0123456789a\r\n0;last\r\n"
		 "Trailer: x\r\nOther: y\r\n\r\n",
		 "[200 keep]x0123456789a."},
	};
	static const char *const wrong[][2] = {
		{"\r\n", "[200 keep]"},
		{"x\r\n", "[200 keep]"},
		{"-1\r\n", "[200 keep]"},
		{" 1\r\n", "[200 keep]"},
		{"1\nx", "[200 keep]"},
		{"1x\r\n", "[200 keep]"},
		{"1\r\nxy\r\n", "[200 keep]x"},
		{"1\r\nx\n", "[200 keep]x"},
		{"1\r\nx\r\r", "[200 keep]x"},
		{"1;a\nb\r\n", "[200 keep]"},
		{"0\r\nT: a\n\r\n", "[200 keep]"},
		{"0\r\n\rx", "[200 keep]"},
		{"10000000000000000\r\n", "[200 keep]"},
		{"fffffffffffffffff\r\n", "[200 keep]"},
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		snprintf(text, sizeof(text), "%s%s", head, bodies[i][0]);
		expect(text, bodies[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(text, sizeof(text), "%s%s", head, wrong[i][0]);
		expect_proto(text, wrong[i][1]);
	}
}

Test(http1, until_close)
{
	const char *text = OK_LINE "Connection: keep-alive\r\n\r\nall of it";
	struct http1_parser p;
	struct told t = {0};

	for (size_t step = 1; step < strlen(text); step++) {
		http1_parser_init(&p);
		buf_init(&t.log, LIMIT);
		cr_assert_eq(feed(&p, slice_str(text), step, &t), ERR_OK);
		cr_assert_eq(http1_parser_eof(&p, &handler, &t), ERR_OK);
		cr_assert(slice_is(buf_slice(&t.log), "[200 close]all of it."));
		cr_assert_eq(http1_parser_eof(&p, &handler, &t), ERR_OK);
		buf_release(&t.log);
		http1_parser_release(&p);
	}
}

static void expect_eof(const char *text, enum err want)
{
	struct http1_parser p;
	struct told t = {0};

	http1_parser_init(&p);
	buf_init(&t.log, LIMIT);
	(void)!feed(&p, slice_str(text), LIMIT, &t);
	cr_assert_eq(http1_parser_eof(&p, &handler, &t), want, "%s", text);
	buf_release(&t.log);
	http1_parser_release(&p);
}

Test(http1, end_of_the_connection)
{
	expect_eof("", ERR_OK);
	expect_eof(OK_LINE "Content-Length: 1\r\n\r\na", ERR_OK);
	expect_eof("HTTP/1.1 101 S\r\n\r\n", ERR_OK);
	expect_eof("HTTP/1.1 100 Continue\r\n\r\n", ERR_OK);
	expect_eof("H", ERR_CLOSED);
	expect_eof(OK_LINE, ERR_CLOSED);
	expect_eof(OK_LINE "Content-Length: 2\r\n\r\na", ERR_CLOSED);
	expect_eof(OK_LINE "Transfer-Encoding: chunked\r\n\r\n", ERR_CLOSED);
	expect_eof(OK_LINE "Transfer-Encoding: chunked\r\n\r\n0\r\n",
		   ERR_CLOSED);
	expect_eof("garbage", ERR_PROTO);
}

Test(http1, keep_alive)
{
	expect(OK_LINE "Content-Length: 0\r\nConnection: Close\r\n\r\n",
	       "[200].");
	expect(OK_LINE "Content-Length: 0\r\nConnection: a, close ,b\r\n\r\n",
	       "[200].");
	expect(OK_LINE "Connection: close\r\nConnection: keep-alive\r\n"
		       "Content-Length: 0\r\n\r\n",
	       "[200].");
	expect("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "[200].");
	expect("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n"
	       "Connection: Keep-Alive\r\n\r\n",
	       "[200 keep].");
}

Test(http1, informational_heads_are_skipped)
{
	expect("HTTP/1.1 100 Continue\r\n\r\n"
	       "HTTP/1.1 103 Early\r\nX-Test: no\r\nContent-Length: 9\r\n\r\n"
	       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
	       "[200 keep]a.");
}

Test(http1, upgrade_leaves_the_rest)
{
	const char *text = "HTTP/1.1 101 Switching\r\nX-Test: u\r\n"
			   "Connection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n";
	struct http1_parser p;
	struct told t = {0};
	size_t used;

	expect(text, "[101 keep upgrade u]");
	http1_parser_init(&p);
	buf_init(&t.log, LIMIT);
	cr_assert_eq(
		http1_parser_feed(&p, slice_str(text), &handler, &t, &used),
		ERR_OK);
	cr_assert_str_eq(text + used, "HTTP/1.1 200 OK\r\n");
	cr_assert_eq(http1_parser_feed(&p, SLICE("x"), &handler, &t, &used),
		     ERR_OK);
	cr_assert_eq(used, 0);
	buf_release(&t.log);
	http1_parser_release(&p);
}

Test(http1, responses_without_a_body)
{
	struct slice text = SLICE(
		OK_LINE "Content-Length: 7\r\n\r\n" OK_LINE
			"Transfer-Encoding: chunked\r\n\r\n" OK_LINE "\r\n");

	for (size_t step = 1; step <= text.n; step++)
		expect_step(text, step, true, ERR_OK,
			    "[200 keep].[200 keep].[200 keep].");
	expect("HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n"
	       "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n",
	       "[204 keep].[304 keep].");
}

Test(http1, malformed_heads)
{
	static const char *const wrong[] = {
		"x",
		"HTTP/2",
		"http/1.1 200 OK\r\n\r\n",
		"\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.x 200 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 200 O\rK\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\r\n\r\n",
		OK_LINE "A: b\nC: d\r\n\r\n",
		OK_LINE "A: b\rC: d\r\n\r\n",
		OK_LINE " A: b\r\n\r\n",
		OK_LINE "A: b\r\n folded\r\n\r\n",
		OK_LINE "A : b\r\n\r\n",
		OK_LINE "A\r\n\r\n",
		OK_LINE ": b\r\n\r\n",
		OK_LINE "A\xc3\xa9: b\r\n\r\n",
		OK_LINE "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		OK_LINE "Content-Length: 1, 1\r\n\r\n",
		OK_LINE "Content-Length: \r\n\r\n",
		OK_LINE "Content-Length: +1\r\n\r\n",
		OK_LINE "Content-Length: -1\r\n\r\n",
		OK_LINE "Content-Length: 1x\r\n\r\n",
		OK_LINE "Content-Length: 18446744073709551617\r\n\r\n",
		OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n",
		OK_LINE "Transfer-Encoding: identity\r\n\r\n",
		OK_LINE "Transfer-Encoding: chunked\r\n"
			"Transfer-Encoding: chunked\r\n\r\n",
		OK_LINE "Transfer-Encoding: chunked\r\n"
			"Content-Length: 1\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	struct slice nul = SLICE(OK_LINE "A: b\0c\r\n\r\n");

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_proto(wrong[i], "");
	for (size_t step = 1; step <= nul.n; step++)
		expect_step(nul, step, false, ERR_PROTO, "");
}

Test(http1, failure_is_final)
{
	struct http1_parser p;
	struct told t = {0};
	size_t used;

	http1_parser_init(&p);
	buf_init(&t.log, LIMIT);
	cr_assert_eq(http1_parser_feed(&p, SLICE("x"), &handler, &t, &used),
		     ERR_PROTO);
	cr_assert_eq(http1_parser_feed(&p, SLICE(OK_LINE "\r\n"), &handler, &t,
				       &used),
		     ERR_PROTO);
	cr_assert_eq(t.log.len, 0);
	buf_release(&t.log);
	http1_parser_release(&p);
}

/* A response of `n` bytes of `before`, filler and `after`. */
static void expect_filled(const char *before, const char *after, size_t n,
			  enum err want, const char *log)
{
	static const size_t steps[] = {1, 1000, 16384, 65536};
	struct buf b;

	buf_init(&b, LIMIT);
	cr_assert_eq(buf_add_str(&b, before), ERR_OK);
	while (b.len + strlen(after) < n)
		cr_assert_eq(buf_add_char(&b, 'x'), ERR_OK);
	cr_assert_eq(buf_add_str(&b, after), ERR_OK);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		expect_step(buf_slice(&b), steps[i], false, want, log);
	buf_release(&b);
}

Test(http1, limits)
{
	const char *head = OK_LINE "Content-Length: 0\r\nFill: ";
	const char *chunk = OK_LINE "Transfer-Encoding: chunked\r\n\r\n0;";
	const char *trailer = OK_LINE "Transfer-Encoding: chunked\r\n\r\n0\r\n";

	expect_filled(head, "\r\n\r\n", HTTP1_HEAD_MAX, ERR_OK, "[200 keep].");
	expect_filled(head, "\r\n\r\n", HTTP1_HEAD_MAX + 1, ERR_LIMIT, "");
	expect_filled(head, "", HTTP1_HEAD_MAX, ERR_LIMIT, "");
	expect_filled(chunk, "\r\n\r\n", 4000, ERR_OK, "[200 keep].");
	expect_filled(chunk, "\r\n\r\n", 5000, ERR_LIMIT, "[200 keep]");
	expect_filled(trailer, "\r\n\r\n", 16000, ERR_OK, "[200 keep].");
	expect_filled(trailer, "\r\n\r\n", 17000, ERR_LIMIT, "[200 keep]");
}

Test(http1, header_lookup)
{
	struct slice headers = SLICE("Ab: 1\r\nAbc:\t2 \r\nabc: 3\r\nD:\r\n");
	struct slice value;

	cr_assert(http1_header(headers, "ABC", &value));
	cr_assert(slice_is(value, "2"));
	cr_assert(http1_header(headers, "ab", &value));
	cr_assert(slice_is(value, "1"));
	cr_assert(http1_header(headers, "d", &value));
	cr_assert_eq(value.n, 0);
	cr_assert(!http1_header(headers, "a", &value));
	cr_assert(!http1_header(headers, "abcd", &value));
	cr_assert(!http1_header(slice_of(NULL, 0), "a", &value));
}

Test(http1, tokens)
{
	cr_assert(http1_has_token(SLICE("close"), "close"));
	cr_assert(http1_has_token(SLICE(" a ,\tUpGrade\t, b"), "upgrade"));
	cr_assert(http1_has_token(SLICE(",,b"), "b"));
	cr_assert(!http1_has_token(SLICE(""), "a"));
	cr_assert(!http1_has_token(SLICE("closed, enclose"), "close"));
	cr_assert(!http1_has_token(SLICE("a b"), "a"));
}

Test(http1, token_text)
{
	cr_assert(http1_is_token(SLICE("a-Z09!#$%&'*+.^_`|~")));
	cr_assert(!http1_is_token(SLICE("")));
	cr_assert(!http1_is_token(SLICE("a b")));
	cr_assert(!http1_is_token(SLICE("a/b")));
	cr_assert(!http1_is_token(SLICE("caf\xc3\xa9")));
}

Test(http1, origins)
{
	static const char *const list[] = {"https://a.example", "null", NULL};

	cr_assert(http1_origin_listed(list, SLICE("https://a.example")));
	cr_assert(http1_origin_listed(list, SLICE("HTTPS://A.Example")));
	cr_assert(http1_origin_listed(list, SLICE("null")));
	cr_assert(!http1_origin_listed(list, SLICE("https://a.example.net")));
	cr_assert(!http1_origin_listed(list, SLICE("https://a.exampl")));
	cr_assert(!http1_origin_listed(list, SLICE("")));
}

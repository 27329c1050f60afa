/* SPDX-License-Identifier: MIT */
#include "bench/link/strain.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

/* Feeds all of `in` in pieces of `step` bytes; what went on is in *out. */
static enum err feed(struct strain *s, enum strain_way way, const char *in,
		     size_t step, struct buf *out)
{
	struct slice rest = slice_str(in);
	enum err e = ERR_OK;

	while (!e && rest.n > 0) {
		struct slice go;
		size_t n = rest.n < step ? rest.n : step;

		e = strain_feed(s, way, slice_of(rest.p, n), &go);
		if (e)
			break;
		cr_assert_eq(buf_add_slice(out, go), ERR_OK);
		strain_gone(s, way, go.n);
		rest = slice_after(rest, n);
	}
	return e;
}

static void assert_text(const struct buf *b, const char *text)
{
	cr_assert(slice_is(buf_slice(b), text), "got \"%.*s\"",
		  SLICE_ARG(buf_slice(b)));
}

/* The same, whole and one byte at a time, must make `want`. */
static void assert_requests(const char *in, const char *want)
{
	for (size_t step = 1; step < 100; step += 98) {
		struct strain s;
		struct buf out;

		buf_init(&out, BUF_UNLIMITED);
		strain_init(&s, true, 0, false);
		cr_assert_eq(feed(&s, STRAIN_REQUESTS, in, step, &out), ERR_OK);
		assert_text(&out, want);
		strain_release(&s);
		buf_release(&out);
	}
}

Test(strain, no_upgrade_leaves_its_fields_out)
{
	assert_requests("GET /ws HTTP/1.1\r\nHost: h\r\nUpGrade: websocket\r\n"
			"CONNECTION: keep-alive , Upgrade\r\n"
			"Sec-WebSocket-Version: 13\r\n\r\n",
			"GET /ws HTTP/1.1\r\nHost: h\r\n"
			"Sec-WebSocket-Version: 13\r\n\r\n");
	/* A field may go on in the next line. */
	assert_requests("GET / HTTP/1.1\r\nUpgrade:\r\n websocket\r\nA: b\r\n"
			"\tc\r\n\r\n",
			"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n");
	assert_requests("GET / HTTP/1.1\nConnection: close\n\n",
			"GET / HTTP/1.1\nConnection: close\n\n");
}

Test(strain, no_upgrade_knows_bodies_from_heads)
{
	static const char length[] =
		"POST / HTTP/1.1\r\nContent-Length: 19\r\n\r\n"
		"Upgrade: websocket\n"
		"GET / HTTP/1.1\r\n\r\n";
	static const char chunked[] =
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		"13;x=y\r\nUpgrade: websocket\n\r\n"
		"0\r\nUpgrade: trailer\r\n\r\n";

	assert_requests(length, length);
	assert_requests(chunked, chunked);
	assert_requests("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n"
			"Upgrade: x\r\n\r\n",
			"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
}

Test(strain, what_is_not_http_is_refused)
{
	static const char *const bad[] = {
		"\x16\x03\x01\x02\r\n",
		"GET\r\n",
		"GET / HTTP/2.0\r\n",
		"POST / HTTP/1.1\r\nContent-Length: -1\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strain s;
		struct buf out;

		buf_init(&out, BUF_UNLIMITED);
		strain_init(&s, true, 0, false);
		cr_assert_eq(feed(&s, STRAIN_REQUESTS, bad[i], 1, &out),
			     ERR_PROTO, "%s", bad[i]);
		strain_release(&s);
		buf_release(&out);
	}
}

Test(strain, lines_and_pipelines_are_bounded)
{
	struct strain s;
	struct buf out;
	enum err e = ERR_OK;
	int requests = 0;

	buf_init(&out, BUF_UNLIMITED);
	strain_init(&s, true, 0, false);
	while (!e && requests < 1000) {
		e = feed(&s, STRAIN_REQUESTS, "GET / HTTP/1.1\r\n\r\n", 99,
			 &out);
		requests++;
	}
	cr_assert_eq(e, ERR_LIMIT);
	cr_assert_eq(requests, HTTP1_REQUESTS_MAX + 1);
	strain_release(&s);
	strain_init(&s, true, 0, false);
	for (e = ERR_OK, requests = 0; !e && requests < 100000; requests++)
		e = feed(&s, STRAIN_REQUESTS, "xxxxxxxxxxxxxxxx", 16, &out);
	cr_assert_eq(e, ERR_LIMIT);
	cr_assert_leq(s.requests.line.len, HTTP1_LINE_MAX);
	strain_release(&s);
	buf_release(&out);
}

static struct strain strain;
static struct buf out;

static void set_up(const char *request)
{
	buf_init(&out, BUF_UNLIMITED);
	strain_init(&strain, false, 100, false);
	cr_assert_eq(feed(&strain, STRAIN_REQUESTS, request, 99, &out), ERR_OK);
	assert_text(&out, request);
	buf_clear(&out);
}

static void answer(const char *text)
{
	cr_assert_eq(feed(&strain, STRAIN_ANSWERS, text, 1, &out), ERR_OK);
}

static void tear_down(void)
{
	strain_release(&strain);
	buf_release(&out);
}

Test(strain, buffer_holds_an_answer_until_its_end)
{
	set_up("GET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
	cr_assert_eq(out.len, 0);
	answer("c");
	assert_text(&out, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
	tear_down();
}

Test(strain, buffer_lets_go_when_it_is_full)
{
	set_up("GET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	answer("a\r\n0123456789\r\n");
	cr_assert_eq(out.len, 0);
	answer("28\r\n0123456789012345678901234567890123456789\r\n");
	cr_assert_eq(out.len, 100);
	cr_assert_eq(strain.kept[STRAIN_ANSWERS].len, 8);
	answer("0\r\n");
	cr_assert_eq(out.len, 100);
	answer("\r\n");
	cr_assert_eq(strain.kept[STRAIN_ANSWERS].len, 0);
	tear_down();
}

Test(strain, buffer_keeps_what_the_end_of_the_connection_ends)
{
	set_up("GET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 200 OK\r\n\r\nabc");
	cr_assert_eq(out.len, 0);
	cr_assert_eq(strain_end(&strain, STRAIN_ANSWERS).n, 22);
	tear_down();
}

Test(strain, a_line_that_the_end_cuts_short_goes_on)
{
	for (size_t step = 1; step < 64; step++) {
		struct strain s;
		struct buf gone;

		buf_init(&gone, BUF_UNLIMITED);
		strain_init(&s, true, 0, false);
		cr_assert_eq(feed(&s, STRAIN_ANSWERS,
				  "HTTP/1.1 200 OK\r\nX-Half: 1", step, &gone),
			     ERR_OK);
		assert_text(&gone, "HTTP/1.1 200 OK\r\n");
		cr_assert(
			slice_is(strain_end(&s, STRAIN_ANSWERS), "X-Half: 1"));
		strain_release(&s);
		buf_release(&gone);
	}
}

Test(strain, answers_without_a_body)
{
	set_up("HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 100 Continue\r\n\r\n");
	cr_assert_eq(out.len, 25);
	answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	cr_assert_eq(out.len, 25 + 38);
	answer("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n");
	cr_assert_eq(out.len, 25 + 38 + 38);
	tear_down();
}

Test(strain, a_tunnel_is_neither_held_nor_read)
{
	set_up("GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	answer("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n");
	cr_assert_eq(out.len, 38);
	answer("\x81\x01z");
	cr_assert_eq(out.len, 41);
	buf_clear(&out);
	cr_assert_eq(feed(&strain, STRAIN_REQUESTS, "\x81\x80\n\n", 1, &out),
		     ERR_OK);
	assert_text(&out, "\x81\x80\n\n");
	tear_down();
}

#define GET "GET / HTTP/1.1\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\nabc"
#define EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void set_up_turns(void)
{
	buf_init(&out, BUF_UNLIMITED);
	strain_init(&strain, false, 0, true);
}

static void request(const char *text, size_t step)
{
	cr_assert_eq(feed(&strain, STRAIN_REQUESTS, text, step, &out), ERR_OK);
}

/* Admits who waits; what goes on for that is all that is in `out`. */
static void admit(const char *goes_on)
{
	struct slice go;

	cr_assert(strain_waits(&strain));
	buf_clear(&out);
	strain_admit(&strain);
	cr_assert_eq(
		strain_feed(&strain, STRAIN_REQUESTS, slice_of("", 0), &go),
		ERR_OK);
	cr_assert(slice_is(go, goes_on), "got \"%.*s\"", SLICE_ARG(go));
	strain_gone(&strain, STRAIN_REQUESTS, go.n);
}

Test(strain, turns_let_one_request_at_a_time_go_on)
{
	for (size_t step = 1; step < 200; step += 198) {
		set_up_turns();
		request(POST POST GET, step);
		cr_assert_eq(out.len, 0);
		admit(POST);
		cr_assert(strain_waits(&strain), "the second");
		answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
		cr_assert(strain.admitted);
		answer("x");
		cr_assert_not(strain.admitted);
		admit(POST);
		answer("HTTP/1.1 100 Continue\r\n\r\n");
		cr_assert(strain.admitted);
		answer(EMPTY);
		admit(GET);
		cr_assert_not(strain_waits(&strain));
		tear_down();
	}
}

Test(strain, turns_an_admitted_request_may_come_in_pieces)
{
	set_up_turns();
	request("P", 1);
	admit("");
	request("OST / HTTP/1.1\r\nContent-Length: 3\r\n", 5);
	request("\r\na", 5);
	cr_assert_not(strain_waits(&strain));
	/* An answer that comes early is one; the rest needs no other turn. */
	answer(EMPTY);
	cr_assert_not(strain.admitted);
	buf_clear(&out);
	request("bc" GET, 99);
	assert_text(&out, "bc");
	cr_assert(strain_waits(&strain));
	tear_down();
}

Test(strain, turns_empty_lines_need_none)
{
	set_up_turns();
	request("\r\n\r\n", 1);
	cr_assert_not(strain_waits(&strain));
	request("\r\n" GET "\r\n", 99);
	admit(GET);
	cr_assert_not(strain_waits(&strain));
	answer(EMPTY);
	cr_assert_not(strain.admitted);
	tear_down();
}

Test(strain, turns_a_tunnel_needs_none)
{
	set_up_turns();
	request("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n\x81z", 99);
	admit("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n");
	/* What came too early may yet be a request. */
	cr_assert(strain_waits(&strain));
	answer("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n");
	cr_assert_not(strain.admitted);
	cr_assert_not(strain_waits(&strain));
	buf_clear(&out);
	request("\n\x82", 99);
	assert_text(&out, "\x81z\n\x82");
	cr_assert_not(strain_waits(&strain));
	tear_down();
}

Test(strain, turns_what_waits_is_bounded_and_can_be_forgotten)
{
	int fed = 0;

	set_up_turns();
	while (!strain_full(&strain, STRAIN_REQUESTS) && fed < 100000) {
		request(GET, 99);
		fed++;
	}
	cr_assert_geq(strain.waiting.len, 16384);
	cr_assert_lt(fed, 100000);
	cr_assert_not(strain_full(&strain, STRAIN_ANSWERS));
	strain_forget(&strain);
	cr_assert_not(strain_waits(&strain));
	cr_assert_not(strain_full(&strain, STRAIN_REQUESTS));
	cr_assert_eq(out.len, 0);
	tear_down();
}

/* SPDX-License-Identifier: MIT */
/* Requests and answers: a real front, real sockets, one thread. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "servers/base/check.h"
#include "servers/http/test_rig.h"

#define HOST "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static unsigned calls;
static struct rig rig;
static struct client c;

static void on_hello(struct http_request *r, void *arg)
{
	(void)arg;
	calls++;
	http_respond(r, 200, "text/plain", SLICE("hello"));
}

/* Answers with what it was asked. */
static void on_echo(struct http_request *r, void *arg)
{
	struct slice q = {0}, h = {0}, path = http_request_path(r);
	struct slice body = http_request_body(r);
	struct buf out;

	(void)arg;
	calls++;
	http_request_query(r, "q", &q);
	http_request_header(r, "x-test", &h);
	buf_init(&out, BUF_UNLIMITED);
	cr_assert_eq(buf_printf(&out, "m=%d p=%.*s q=%.*s h=%.*s a=%.*s b=",
				(int)http_request_method(r), SLICE_ARG(path),
				SLICE_ARG(q), SLICE_ARG(h),
				SLICE_ARG(http_request_address(r))),
		     ERR_OK);
	cr_assert_eq(buf_add_slice(&out, body), ERR_OK);
	http_respond(r, 200, NULL, buf_slice(&out));
	buf_release(&out);
}

static void add_item(void *arg, struct slice value)
{
	cr_assert_eq(buf_add_slice(arg, value), ERR_OK);
	cr_assert_eq(buf_add_char(arg, '|'), ERR_OK);
}

static void on_list(struct http_request *r, void *arg)
{
	struct buf out;

	(void)arg;
	buf_init(&out, BUF_UNLIMITED);
	http_request_query_each(r, "room", add_item, &out);
	http_respond(r, 200, NULL, buf_slice(&out));
	buf_release(&out);
}

static void on_large(struct http_request *r, void *arg)
{
	size_t n = 4 << 20;
	char *bytes = xmalloc(n);

	(void)arg;
	memset(bytes, 'x', n);
	bytes[n - 1] = 'Z';
	http_respond(r, 200, NULL, slice_of(bytes, n));
	free(bytes);
}

static void on_nothing(struct http_request *r, void *arg)
{
	(void)r;
	(void)arg;
}

static void route(const char *path, bool prefix, unsigned methods,
		  http_handler *handle)
{
	http_route(rig.http, &(struct http_route){.path = path,
						  .prefix = prefix,
						  .methods = methods,
						  .max_body = 1000,
						  .handle = handle});
}

static void setup_with(const struct http_options *o)
{
	calls = 0;
	rig_init(&rig, o);
	route("/hello", false, HTTP_GET, on_hello);
	route("/echo", false, HTTP_GET | HTTP_POST, on_echo);
	route("/list", false, HTTP_GET, on_list);
	route("/large", false, HTTP_GET, on_large);
	route("/nothing", false, HTTP_GET, on_nothing);
	route("/tree/", true, HTTP_GET, on_hello);
	route("/tree/deep/", true, HTTP_GET | HTTP_POST, on_echo);
	route("/split", false, HTTP_GET, on_hello);
	route("/split", false, HTTP_POST, on_echo);
	rig_start(&rig);
	client_open(&c, &rig);
}

static void setup(void)
{
	setup_with(NULL);
}

static void teardown(void)
{
	client_close(&c);
	rig_release(&rig);
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 20);

Test(http, answers_and_keeps_the_connection)
{
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 200 OK\r\n"));
	cr_assert(strstr(client_text(&c), "Content-Type: text/plain\r\n"));
	cr_assert(strstr(client_text(&c), "Content-Length: 5\r\n"));
	client_forget(&c);
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_eq(http_connections(rig.http), 1);
	cr_assert_not(c.ended);
}

/* Of those that we send, those that libmicrohttpd sends, and errors. */
Test(http, answers_tell_the_time)
{
	client_say(&c, GET("/hello") GET("/hello") "GET /hello HTTP/1.1\r\n"
						   "\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert_eq(client_count(&c, "HTTP/1.1 "), 3);
	cr_assert_eq(client_count(&c, "\r\nDate: "), 3);
	cr_assert_eq(client_count(&c, " GMT\r\n"), 3);
}

Test(http, counts_connections_down)
{
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_close(&c);
	rig_run(&rig, 30);
	cr_assert_eq(http_connections(rig.http), 0);
}

Test(http, head_on_a_get_route)
{
	client_say(&c, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n" GET("/list"));
	cr_assert(client_hear(&c, "Content-Length: 0\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "Content-Length: 5\r\n"));
	cr_assert_not(strstr(client_text(&c), "hello"));
}

Test(http, http_1_0_closes)
{
	client_say(&c, "GET /hello HTTP/1.0\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(client_hear_end(&c));
}

Test(http, half_closed_client_gets_its_answer)
{
	client_say(&c, GET("/hello"));
	cr_assert_eq(shutdown(c.fd, SHUT_WR), 0);
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(client_hear_end(&c));
}

Test(http, byte_by_byte)
{
	const char *text = "POST /echo?q=1 HTTP/1.1\r\n" HOST
			   "Content-Length: 3\r\n\r\nabc";

	for (const char *p = text; *p; p++) {
		client_send(&c, slice_of(p, 1));
		rig_tick(&rig);
	}
	cr_assert(client_hear(&c, "b=abc"));
	cr_assert_eq(calls, 1);
}

Test(http, decodes_the_target)
{
	client_say(&c, GET("/echo?x=9&q=a%20b%2Bc+d&q=second"));
	cr_assert(client_hear(&c, "p=/echo q=a b+c d h= a=127.0.0.1 b="));
	client_forget(&c);
	client_say(&c, GET("/e%63ho?Q=upper"));
	cr_assert(client_hear(&c, "p=/echo q= h="));
}

Test(http, finds_headers_in_any_case)
{
	client_say(&c, "GET /echo HTTP/1.1\r\n" HOST "X-TEST: a value\r\n\r\n");
	cr_assert(client_hear(&c, "h=a value"));
}

Test(http, repeated_parameters)
{
	client_say(&c, GET("/list?room=a&x=1&room=b%7Cc&room=&room"));
	cr_assert(client_hear(&c, "\r\n\r\na|b|c|||"));
}

/* Refused by its head or size alone: the connection ends with the answer. */
static void reopen(void)
{
	cr_assert(client_hear_end(&c));
	cr_assert_not(c.reset);
	client_close(&c);
	client_open(&c, &rig);
}

Test(http, encoded_nul_is_refused)
{
	client_say(&c, GET("/echo?q=a%00b"));
	cr_assert(client_hear(&c, "{\"error\":\"bad request\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 400 "));
	reopen();
	client_say(&c, GET("/hello%00/x"));
	cr_assert(client_hear(&c, "HTTP/1.1 400 "));
	reopen();
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_eq(calls, 1);
}

Test(http, unknown_path)
{
	client_say(&c, GET("/nowhere"));
	cr_assert(client_hear(&c, "{\"error\":\"not found\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 404 "));
	cr_assert(strstr(client_text(&c), "application/json"));
	reopen();
	client_say(&c, GET("/hello/"));
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	reopen();
}

Test(http, wrong_method_says_which_are_right)
{
	client_say(&c, "DELETE /echo HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear(&c, "{\"error\":\"method not allowed\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 405 "));
	cr_assert(
		strstr(client_text(&c), "Allow: GET, HEAD, POST, OPTIONS\r\n"));
	reopen();
	client_say(&c, "BREW /hello HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear(&c, "Allow: GET, HEAD, OPTIONS\r\n"));
	cr_assert_eq(calls, 0);
}

Test(http, longest_prefix_wins)
{
	client_say(&c, GET("/tree/x"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	client_forget(&c);
	client_say(&c, GET("/tree/deep/y"));
	cr_assert(client_hear(&c, "p=/tree/deep/y"));
	client_forget(&c);
	client_say(&c, GET("/tree"));
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
}

Test(http, routes_share_a_path)
{
	client_say(&c, "POST /split HTTP/1.1\r\n" HOST
		       "Content-Length: 2\r\n\r\nhi");
	cr_assert(client_hear(&c, "b=hi"));
	client_forget(&c);
	client_say(&c,
		   "PUT /split HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	cr_assert(client_hear(&c, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
}

Test(http, body_limit)
{
	char body[1002];

	memset(body, 'b', sizeof(body));
	client_say(&c, "POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: 1000\r\n\r\n");
	client_send(&c, slice_of(body, 1000));
	cr_assert(client_hear(&c, "b=bbb"));
	client_forget(&c);
	client_say(&c, "POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: 1001\r\n\r\n");
	client_send(&c, slice_of(body, 1001));
	cr_assert(client_hear(&c, "{\"error\":\"body too large\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 413 "));
	reopen();
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
}

Test(http, chunked_body)
{
	client_say(&c, "POST /echo HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\n\r\n"
		       "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
	cr_assert(client_hear(&c, "b=abcdefg"));
	client_forget(&c);
	client_say(&c, "POST /echo HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 101; i++)
		client_say(&c, "a\r\n0123456789\r\n");
	client_say(&c, "0\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 413 "));
	reopen();
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
}

/* Guards against answering before the body was read: a reset loses it. */
Test(http, refused_body_is_read_first)
{
	size_t n = 1 << 20;
	char *body = xcalloc(1, n);
	char head[128];

	(void)snprintf(head, sizeof(head),
		       "POST /nowhere HTTP/1.1\r\n" HOST
		       "Content-Length: %zu\r\n\r\n",
		       n);
	client_say(&c, head);
	rig_run(&rig, 20);
	cr_assert_eq(c.in.len, 0);
	client_send(&c, slice_of(body, n));
	cr_assert(client_hear(&c, "{\"error\":\"not found\"}"));
	cr_assert_not(c.reset);
	reopen();
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	free(body);
}

/* Guards against closing while the client sends: a reset loses the answer. */
static void expect_still_read(void)
{
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(send(c.fd, "more", 4, MSG_NOSIGNAL), 4);
		rig_run(&rig, 10);
	}
}

Test(http, endless_body_is_cut)
{
	char chunk[4096 + 8];
	int n = snprintf(chunk, sizeof(chunk), "1000\r\n");

	memset(chunk + n, 'x', 4096);
	memcpy(chunk + n + 4096, "\r\n", 2);
	client_say(&c, "POST /nowhere HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 2100 && !c.ended; i++) {
		client_send(&c, slice_of(chunk, (size_t)n + 4098));
		rig_tick(&rig);
	}
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert(client_hear_end(&c));
	cr_assert_not(c.reset);
	expect_still_read();
}

Test(http, announced_huge_body_is_answered_at_once)
{
	client_say(&c, "POST /nowhere HTTP/1.1\r\n" HOST
		       "Content-Length: 99999999999\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert(strstr(client_text(&c), "Connection: close"));
	cr_assert(client_hear_end(&c));
}

Test(http, expect_continue)
{
	client_say(&c, "POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
	client_say(&c, "abc");
	cr_assert(client_hear(&c, "b=abc"));
	client_forget(&c);
	client_say(&c, "POST /nowhere HTTP/1.1\r\n" HOST
		       "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert_not(strstr(client_text(&c), "100 Continue"));
}

static void say_head(const char *start, size_t bytes, const char *line)
{
	size_t n = strlen(start);

	client_say(&c, start);
	while (n + strlen(line) + 2 < bytes) {
		client_say(&c, line);
		n += strlen(line);
	}
	client_say(&c, "\r\n");
}

static void say_long(const char *before, size_t n, const char *after)
{
	char *text = xmalloc(n);

	memset(text, 'a', n);
	client_say(&c, before);
	client_send(&c, slice_of(text, n));
	client_say(&c, after);
	free(text);
}

Test(http, heads_of_8_kib)
{
	say_long("GET /hello HTTP/1.1\r\n" HOST "X-Long: ", 8100, "\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	client_forget(&c);
	say_long("GET /hello?x=", 8100, " HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	client_forget(&c);
	say_head("GET /hello HTTP/1.1\r\n" HOST, 8192,
		 "X-Some-Header: with a value of its own\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	client_forget(&c);
	say_head("GET /hello HTTP/1.1\r\n" HOST, 8192,
		 "X-Many-Of-These: abcdefghijklmn\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
}

Test(http, heads_of_48_kib)
{
	say_long("GET /hello HTTP/1.1\r\n" HOST "X-Long: ", 49152, "\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 431 "));
	reopen();
	say_long("GET /hello?x=", 49152, " HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 414 "));
	reopen();
	cr_assert_eq(calls, 0);
}

/* Our JSON with the status, once, and the end of the connection. */
static void expect_refusal(struct client *d, unsigned status)
{
	char line[32];

	(void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	cr_assert(client_hear_end(d));
	cr_assert(strstr(client_text(d), line), "%s", client_text(d));
	cr_assert(strstr(client_text(d), "application/json\r\n"));
	cr_assert(strstr(client_text(d), "Connection: close\r\n"));
	cr_assert(strstr(client_text(d), "\r\n\r\n{\"error\":\""));
	cr_assert_eq(client_count(d, "Content-Length: "), 1, "%s",
		     client_text(d));
	cr_assert_not(d->reset);
}

static void expect_refused(const char *text, unsigned status)
{
	struct client d;

	client_open(&d, &rig);
	client_say(&d, text);
	expect_refusal(&d, status);
	client_close(&d);
}

Test(http, malformed_requests)
{
	expect_refused("GARBAGE\r\n\r\n", 400);
	expect_refused("\x16\x03\x01\x02", 400);
	expect_refused("GET /hello HTTP/2.0\r\n" HOST "\r\n", 505);
	expect_refused("GET /hello HTTP/1.1\r\n\r\n", 400); /* no Host */
	expect_refused("GET /hello HTTX/1.1\r\n" HOST "\r\n", 400);
	expect_refused("GET /hello HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400);
	expect_refused("POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: ten\r\n\r\n",
		       400);
	expect_refused("POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		       400);
	expect_refused("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		       400);
	expect_refused("POST /echo HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: gzip\r\n\r\nabcd",
		       400);
	expect_refused("POST /echo HTTP/1.1\r\n" HOST
		       "Content-Length: 99999999999999999999\r\n\r\nabcd",
		       413);
	cr_assert_eq(calls, 0);
}

#define CHUNKED                                                                \
	"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

Test(http, malformed_chunks)
{
	struct client d;

	expect_refused(CHUNKED "zz\r\n", 400);
	expect_refused(CHUNKED "3\r\nabcdef\r\n", 400);
	client_open(&d, &rig);
	client_say(&d, CHUNKED);
	rig_run(&rig, 20);
	client_say(&d, "3\r\nabc\r\n");
	rig_run(&rig, 20);
	client_say(&d, "nonsense\r\n");
	expect_refusal(&d, 400);
	client_close(&d);
	cr_assert_eq(calls, 0);
}

/* Nobody but libmicrohttpd sees the second head. */
Test(http, malformed_request_behind_another)
{
	client_say(&c, GET("/hello") "GET /hello HTTP/1.1\r\n\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert_eq(client_count(&c, "HTTP/1.1 200 "), 1);
	cr_assert_eq(client_count(&c, "HTTP/1.1 400 "), 1);
	cr_assert(strstr(client_text(&c), "\r\n\r\n{\"error\":\""));
	cr_assert_not(strstr(client_text(&c), "<html>"));
	cr_assert_eq(calls, 1);
}

Test(http, head_that_ends_early)
{
	client_say(&c, "GET /hello HTTP/1.1\r\n" HOST);
	rig_run(&rig, 20);
	cr_assert_eq(shutdown(c.fd, SHUT_WR), 0);
	expect_refusal(&c, 400);
}

/* RFC 9112 section 3.2.2 */
Test(http, absolute_form)
{
	client_say(&c, GET("http://a.example:80/echo?q=one"));
	cr_assert(client_hear(&c, " p=/echo q=one "), "%s", client_text(&c));
	client_forget(&c);
	client_say(&c, GET("HTTPS://a.example/echo"));
	cr_assert(client_hear(&c, " p=/echo q= "), "%s", client_text(&c));
	client_forget(&c);
	client_say(&c, GET("http://a.example"));
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert(client_hear_end(&c));
}

static void on_head(struct http_request *r, void *arg)
{
	struct http_response *p =
		http_response_new(200, "text/event-stream", (struct slice){0});

	(void)arg;
	http_response_endless(p);
	http_respond_close(r, p);
	http_response_unref(p);
}

/*
 * The answer to `text`, with another header line, on a connection of its own,
 * without its Date.
 */
static char *answer_to(const char *text, const char *line)
{
	const char *rest = strchr(text, '\n') + 1;
	struct client d;
	char *answer, *date;

	client_open(&d, &rig);
	client_send(&d, slice_of(text, (size_t)(rest - text)));
	client_say(&d, line);
	client_say(&d, rest);
	cr_assert(client_hear(&d, "\r\n\r\n"), "%s", text);
	rig_run(&rig, 5);
	(void)client_hear(&d, "HTTP");
	answer = xstrdup(client_text(&d));
	date = strstr(answer, "Date: ");
	cr_assert_not_null(date, "%s", text);
	memset(date, '-', strcspn(date, "\r"));
	client_close(&d);
	return answer;
}

/*
 * A plain request is read by us. A blank behind a value makes it one that
 * libmicrohttpd reads, and has to change nothing else.
 */
static void expect_alike(const char *text)
{
	char *ours = answer_to(text, "Odd: x\r\n");
	char *theirs = answer_to(text, "Odd: x \r\n");

	cr_assert_str_eq(ours, theirs, "%s", text);
	free(ours);
	free(theirs);
}

Test(http, plain_requests_are_answered_like_others)
{
	expect_alike(GET("/hello"));
	expect_alike(GET("/e%63ho?x=9&q=a%20b%2Bc+d&q=second"));
	expect_alike(GET("/echo?Q=1&q&q=2"));
	expect_alike(GET("/echo?q=&q=2"));
	expect_alike(GET("/echo?a?q=1&q=a?b=c#d"));
	expect_alike(GET("/echo?q%3d=1&%71=%C3%A9%26"));
	expect_alike(
		GET("/list?room=a&&=x&room=b%7Cc&room=&room&roo=m+&room=+"));
	expect_alike(GET("/a+b%2fc"));
	expect_alike(GET("/tree/deep/%2e%2e//x?"));
	expect_alike("HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
	expect_alike("DELETE /echo HTTP/1.1\r\n" HOST "\r\n");
	expect_alike("BREW /hello HTTP/1.1\r\n" HOST "\r\n");
	expect_alike("OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n");
	expect_alike("GET /hello HTTP/1.0\r\n\r\n");
	expect_alike("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	expect_alike("GET /hello HTTP/1.1\r\n" HOST
		     "Connection: x, Close\r\n\r\n");
	expect_alike("GET /echo HTTP/1.1\r\n" HOST
		     "X-TEST: \t a  value\r\nx-test: b\r\n\r\n");
	expect_alike("GET /hello HTTP/1.1\r\n" HOST
		     "Origin: https://a.example\r\n\r\n");
	expect_alike("OPTIONS /echo HTTP/1.1\r\n" HOST
		     "Origin: https://a.example\r\n"
		     "Access-Control-Request-Method: POST\r\n"
		     "Access-Control-Request-Headers: x-one\r\n\r\n");
}

Test(http, plain_bodies_are_read_like_others)
{
	expect_alike("POST /echo HTTP/1.1\r\n" HOST "\r\n");
	expect_alike("POST /echo?q=1 HTTP/1.1\r\n" HOST
		     "Content-Length: 3\r\n\r\nabc");
	expect_alike("POST /echo HTTP/1.1\r\n" HOST
		     "Content-Length: 003\r\n\r\n\r\n\r");
	expect_alike("GET /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	expect_alike("POST /nowhere HTTP/1.1\r\n" HOST
		     "Content-Length: 3\r\n\r\nabc");
	expect_alike("PUT /echo HTTP/1.1\r\n" HOST
		     "Content-Length: 3\r\n\r\nabc");
}

/* By us, and by libmicrohttpd where it has read ahead. */
Test(http, head_of_an_endless_answer)
{
	route("/stream", false, HTTP_HEAD, on_head);
	client_say(&c, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 200 "));
	cr_assert_not(strcasestr(client_text(&c), "Content-Length"));
	cr_assert(strstr(client_text(&c), "Connection: close\r\n"));
	reopen();
	client_say(&c, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n" GET("/hello"));
	cr_assert(client_hear_end(&c));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 200 "));
	cr_assert_not(strcasestr(client_text(&c), "Content-Length"));
}

Test(http, pipelined_requests_in_one_tick)
{
	for (unsigned i = 0; i < 20; i++)
		client_say(&c, GET("/hello"));
	while (http_connections(rig.http) == 0)
		rig_tick(&rig);
	rig_tick(&rig);
	cr_assert_eq(calls, 20);
	cr_assert(client_hear(&c, "hello"));
	cr_assert_eq(client_count(&c, "\r\n\r\nhello"), 20);
}

Test(http, many_pipelined_requests)
{
	for (unsigned i = 0; i < 300; i++)
		client_say(&c, GET("/hello"));
	for (unsigned i = 0; i < 100 && calls < 300; i++)
		rig_tick(&rig);
	cr_assert_eq(calls, 300);
}

Test(http, large_response)
{
	client_say(&c, GET("/large"));
	cr_assert(client_hear(&c, "xxxZ"));
	cr_assert(strstr(client_text(&c), "Content-Length: 4194304\r\n"));
}

Test(http, handler_that_does_not_answer)
{
	client_say(&c, GET("/nothing"));
	cr_assert(client_hear(&c, "HTTP/1.1 500 "));
}

Test(http, cors)
{
	client_say(&c, "GET /hello HTTP/1.1\r\n" HOST
		       "Origin: https://a.example\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Origin: "
					  "https://a.example\r\n"));
	cr_assert(strstr(client_text(&c), "Vary: Origin\r\n"));
	cr_assert(strstr(client_text(&c),
			 "Access-Control-Allow-Credentials: true\r\n"));
	client_forget(&c);
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_not(strstr(client_text(&c), "Access-Control"));
	client_forget(&c);
	client_say(&c, "GET /nowhere HTTP/1.1\r\n" HOST
		       "Origin: https://a.example\r\n\r\n");
	cr_assert(client_hear(&c, "not found"));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Origin"));
}

Test(http, preflight)
{
	client_say(&c, "OPTIONS /echo HTTP/1.1\r\n" HOST
		       "Origin: https://a.example\r\n"
		       "Access-Control-Request-Method: POST\r\n"
		       "Access-Control-Request-Headers: x-one\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 204 "));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Methods: "
					  "GET, HEAD, POST, OPTIONS\r\n"));
	cr_assert(strstr(client_text(&c),
			 "Access-Control-Allow-Headers: x-one\r\n"));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Origin: "
					  "https://a.example\r\n"));
	client_forget(&c);
	client_say(&c, "OPTIONS /echo HTTP/1.1\r\n" HOST
		       "Origin: https://a.example\r\n\r\n");
	cr_assert(client_hear(&c, "Access-Control-Allow-Methods: "));
	client_forget(&c);
	client_say(&c, "OPTIONS /nowhere HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert_eq(calls, 0);
}

Test(http, port_in_use)
{
	struct http_options o = http_defaults;
	struct http *other = NULL;

	o.port = http_port(rig.http);
	cr_assert_eq(http_new(rig.loop, &o, &other), ERR_IO);
	cr_assert_null(other);
	o.host = "no.such.host.invalid";
	cr_assert_eq(http_new(rig.loop, &o, &other), ERR_IO);
	http_free(NULL);
}

/* Draining */

Test(http, draining_tells_whoever_asks)
{
	struct client idle, fresh;

	client_open(&idle, &rig);
	client_say(&idle, GET("/hello"));
	cr_assert(client_hear(&idle, "hello"));
	client_forget(&idle);
	cr_assert_not(http_busy(rig.http));
	client_say(&c, "GET /hello HTTP/1.1\r\n");
	rig_run(&rig, 20);
	cr_assert(http_busy(rig.http));
	calls = 0;
	http_drain(rig.http);
	client_open(&fresh, &rig);
	client_say(&c, HOST "\r\n");
	client_say(&idle, GET("/hello"));
	client_say(&fresh, GET("/nowhere"));
	expect_refusal(&c, 503);
	expect_refusal(&idle, 503);
	expect_refusal(&fresh, 503);
	cr_assert_eq(calls, 0);
	cr_assert_eq(http_connections(rig.http), 0);
	cr_assert_not(http_busy(rig.http));
	client_close(&idle);
	client_close(&fresh);
}

Test(http, a_route_may_answer_while_draining)
{
	http_route(rig.http, &(struct http_route){.path = "/farewell",
						  .methods = HTTP_GET,
						  .while_draining = true,
						  .handle = on_hello});
	http_drain(rig.http);
	client_say(&c, GET("/farewell"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(strstr(client_text(&c), "Connection: close\r\n"));
	cr_assert(client_hear_end(&c));
}

Test(http, a_large_answer_is_busy_until_it_is_out)
{
	client_say(&c, GET("/large"));
	for (unsigned i = 0; i < 100 && !http_busy(rig.http); i++)
		rig_tick(&rig);
	cr_assert(http_busy(rig.http));
	http_drain(rig.http);
	rig_run(&rig, 20);
	cr_assert(http_busy(rig.http));
	cr_assert(client_hear(&c, "xxxZ"));
	rig_run(&rig, 20);
	cr_assert_not(http_busy(rig.http));
}

Test(http, what_has_begun_gets_503_at_the_end)
{
	struct client body;

	client_open(&body, &rig);
	client_say(&c, "GET /hello HTTP/1.1\r\n");
	client_say(&body,
		   "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
	rig_run(&rig, 20);
	http_free(rig.http);
	rig.http = NULL;
	expect_refusal(&c, 503);
	expect_refusal(&body, 503);
	client_close(&body);
}

/* Origins */

static void setup_origins(void)
{
	static const char *const origins[] = {"https://a.example",
					      "http://localhost:3000", NULL};
	struct http_options o = http_defaults;

	o.origins = origins;
	setup_with(&o);
}

TestSuite(http_origin, .init = setup_origins, .fini = teardown, .timeout = 20);

static void ask_from(const char *request, const char *origin)
{
	client_forget(&c);
	client_say(&c, request);
	if (origin) {
		client_say(&c, "Origin: ");
		client_say(&c, origin);
		client_say(&c, "\r\n");
	}
	client_say(&c, "\r\n");
	cr_assert(client_hear(&c, "\r\n\r\n"));
}

#define HELLO "GET /hello HTTP/1.1\r\n" HOST

Test(http_origin, one_of_the_list_and_none_pass)
{
	ask_from(HELLO, "https://a.example");
	cr_assert(client_hear(&c, "hello"));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Origin: "
					  "https://a.example\r\n"));
	ask_from(HELLO, "http://LOCALHOST:3000");
	cr_assert(client_hear(&c, "hello"));
	ask_from(HELLO, NULL);
	cr_assert(client_hear(&c, "hello"));
	cr_assert_not(strstr(client_text(&c), "Access-Control"));
	cr_assert_eq(calls, 3);
}

Test(http_origin, another_gets_403_and_no_cors)
{
	static const char *const foreign[] = {
		"https://b.example",	  "http://a.example", "null",
		"https://a.example:8443", "https://a.exampl", "",
		"https://a.example.evil",
	};

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		ask_from(HELLO, foreign[i]);
		cr_assert(client_hear(&c, "may not talk to this server\"}"),
			  "%zu: %s", i, client_text(&c));
		cr_assert(strstr(client_text(&c), "HTTP/1.1 403 "));
		cr_assert_not(strstr(client_text(&c), "Access-Control"));
		reopen();
	}
	cr_assert_eq(calls, 0);
}

Test(http_origin, two_origins_are_no_way_around)
{
	ask_from(HELLO "Origin: https://a.example\r\n", "https://b.example");
	cr_assert(client_hear(&c, "\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 403 "));
	cr_assert_not(strstr(client_text(&c), "Access-Control"));
}

Test(http_origin, a_post_is_not_read)
{
	ask_from("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n",
		 "https://b.example");
	cr_assert(client_hear(&c, "\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 403 "));
	cr_assert_eq(calls, 0);
}

#define PREFLIGHT                                                              \
	"OPTIONS /echo HTTP/1.1\r\n" HOST                                      \
	"Access-Control-Request-Method: POST\r\n"

Test(http_origin, preflight)
{
	ask_from(PREFLIGHT, "https://a.example");
	cr_assert(strstr(client_text(&c), "HTTP/1.1 204 "));
	cr_assert(strstr(client_text(&c), "Access-Control-Allow-Methods: "));
	ask_from(PREFLIGHT, "https://b.example");
	cr_assert(strstr(client_text(&c), "HTTP/1.1 403 "));
	cr_assert_not(strstr(client_text(&c), "Access-Control"));
}

/* SPDX-License-Identifier: MIT */
/* What becomes of connections: held, handed over, timed out, refused. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/base/log.h"
#include "servers/http/test_rig.h"

#define HOST "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define HELD_MAX 64

static struct rig rig;
static struct client c;
static struct http_request *held[HELD_MAX];
static unsigned held_count, gone_count, hello_count;
static struct http_owner owner;
static void *gone_arg;
static int adopted_fd, adopted_count;
static char adopted_ahead[64];

static void on_gone(struct http_request *r, void *arg)
{
	cr_assert_not_null(r);
	gone_arg = arg;
	gone_count++;
}

static void on_poll(struct http_request *r, void *arg)
{
	held[held_count++] = r;
	http_request_hold(r, on_gone, arg);
}

static void on_hello(struct http_request *r, void *arg)
{
	(void)arg;
	hello_count++;
	http_respond(r, 200, NULL, SLICE("hello"));
}

static void on_owned(struct http_request *r, void *arg)
{
	(void)arg;
	http_request_own(r, &owner);
	http_respond(r, 200, NULL, SLICE("owned"));
}

/* Answers the first held request and then itself. */
static void on_release(struct http_request *r, void *arg)
{
	(void)arg;
	http_respond(held[0], 200, NULL, SLICE("released"));
	http_respond(r, 200, NULL, SLICE("done"));
}

static void on_hold_and_answer(struct http_request *r, void *arg)
{
	(void)arg;
	http_request_hold(r, on_gone, NULL);
	http_respond(r, 200, NULL, SLICE("at once"));
}

static void on_adopted(void *arg, int fd, struct slice ahead)
{
	cr_assert_eq(arg, &rig);
	adopted_fd = fd;
	adopted_count++;
	(void)snprintf(adopted_ahead, sizeof(adopted_ahead), "%.*s",
		       SLICE_ARG(ahead));
}

static void on_stream(struct http_request *r, void *arg)
{
	(void)arg;
	http_adopt(r, false, NULL, 0, on_adopted, &rig);
}

static void on_upgrade(struct http_request *r, void *arg)
{
	static const struct http_header headers[] = {
		{"Upgrade", "test"},
		{"X-Extra", "1"},
	};

	(void)arg;
	http_adopt(r, true, headers, ARRAY_SIZE(headers), on_adopted, &rig);
}

static void route(const char *path, unsigned methods, http_handler *handle)
{
	http_route(rig.http, &(struct http_route){.path = path,
						  .methods = methods,
						  .max_body = 1000,
						  .handle = handle,
						  .arg = &rig});
}

static void start(const struct http_options *o)
{
	held_count = gone_count = hello_count = 0;
	adopted_fd = -2;
	adopted_count = 0;
	rig_init(&rig, o);
	route("/poll", HTTP_GET | HTTP_POST, on_poll);
	route("/hello", HTTP_GET | HTTP_POST, on_hello);
	route("/release", HTTP_GET, on_release);
	route("/both", HTTP_GET, on_hold_and_answer);
	route("/stream", HTTP_GET, on_stream);
	route("/upgrade", HTTP_GET, on_upgrade);
	route("/owned", HTTP_GET, on_owned);
	http_owner_init(&owner);
	rig_start(&rig);
}

static void setup(void)
{
	start(NULL);
	client_open(&c, &rig);
}

static void teardown(void)
{
	client_close(&c);
	rig_release(&rig);
}

/* Ticks until `count` requests are held. */
static void wait_held(unsigned count)
{
	for (unsigned i = 0; i < 500 && held_count < count; i++)
		rig_tick(&rig);
	cr_assert_eq(held_count, count);
}

static void wait_gone(unsigned count)
{
	for (unsigned i = 0; i < 500 && gone_count < count; i++)
		rig_tick(&rig);
	cr_assert_eq(gone_count, count);
}

static void wait_connections(uint64_t count)
{
	for (unsigned i = 0; i < 500 && http_connections(rig.http) != count;
	     i++)
		rig_tick(&rig);
	cr_assert_eq(http_connections(rig.http), count);
}

TestSuite(peer, .init = setup, .fini = teardown, .timeout = 20);

/* Holding */

Test(peer, held_and_answered_again_and_again)
{
	for (unsigned i = 1; i <= 5; i++) {
		client_say(&c, GET("/poll"));
		wait_held(i);
		rig_run(&rig, 10);
		cr_assert_eq(c.in.len, 0);
		http_respond(held[i - 1], 200, NULL, SLICE("news"));
		cr_assert(client_hear(&c, "\r\n\r\nnews"));
		client_forget(&c);
	}
	cr_assert_eq(gone_count, 0);
	cr_assert_eq(http_connections(rig.http), 1);
}

/*
 * What the kernel still has of served requests is passed over, whatever the
 * next one's size is and whoever reads it, and does not reset the connection.
 */
Test(peer, requests_of_all_sizes_one_after_the_other)
{
	static const char chunked[] =
		"POST /hello HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
	char text[8192];

	for (int pad = 0; pad < 6000; pad = pad * 2 + 150) {
		(void)snprintf(text, sizeof(text),
			       "GET /hello HTTP/1.1\r\n" HOST
			       "Pad: %0*d\r\n\r\n",
			       pad, 0);
		for (int i = 0; i < 4; i++) {
			client_say(&c, text);
			cr_assert(client_hear(&c, "hello"));
			client_forget(&c);
			client_send(&c, slice_of(text, 9));
			rig_run(&rig, 5);
			cr_assert_eq(c.in.len, 0);
			client_say(&c, text + 9);
			cr_assert(client_hear(&c, "hello"));
			client_forget(&c);
		}
		client_say(&c, chunked);
		cr_assert(client_hear(&c, "HTTP/1.1 "));
		client_forget(&c);
	}
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_say(&c, "GET /hello HTTP/1.0\r\n\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert_not(c.reset);
}

Test(peer, held_post_with_a_body)
{
	client_say(&c, "POST /poll HTTP/1.1\r\n" HOST
		       "Content-Length: 3\r\n\r\nabc");
	wait_held(1);
	http_respond_error(held[0], 503, "say \"no\"");
	cr_assert(client_hear(&c, "{\"error\":\"say \\\"no\\\"\"}"));
	cr_assert(client_hear_end(&c));
}

Test(peer, answered_in_the_handler_of_another)
{
	struct client d;

	client_say(&c, GET("/poll"));
	wait_held(1);
	client_open(&d, &rig);
	client_say(&d, GET("/release"));
	cr_assert(client_hear(&d, "done"));
	cr_assert(client_hear(&c, "released"));
	client_close(&d);
}

Test(peer, answered_in_its_own_handler)
{
	client_say(&c, GET("/both"));
	cr_assert(client_hear(&c, "at once"));
	client_forget(&c);
	client_say(&c, GET("/both"));
	cr_assert(client_hear(&c, "at once"));
	cr_assert_eq(gone_count, 0);
}

Test(peer, gone_is_told_once)
{
	client_say(&c, GET("/poll"));
	wait_held(1);
	client_close(&c);
	wait_gone(1);
	cr_assert_eq(gone_arg, &rig);
	wait_connections(0);
	rig_run(&rig, 20);
	cr_assert_eq(gone_count, 1);
}

Test(peer, half_closed_client_of_a_held_request_is_gone)
{
	client_say(&c, GET("/poll"));
	cr_assert_eq(shutdown(c.fd, SHUT_WR), 0);
	wait_held(1);
	wait_gone(1);
	wait_connections(0);
}

Test(peer, reset_client_of_a_held_request_is_gone)
{
	struct linger now = {1, 0};

	client_say(&c, GET("/poll"));
	wait_held(1);
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(&c);
	wait_gone(1);
	wait_connections(0);
}

/* The second request is read ahead, and must not be lost. */
Test(peer, request_behind_a_held_one)
{
	client_say(&c, GET("/poll") GET("/hello"));
	wait_held(1);
	rig_run(&rig, 20);
	cr_assert_eq(hello_count, 0);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_eq(client_count(&c, "\r\n\r\nnews"), 1);
	cr_assert_eq(hello_count, 1);
	client_forget(&c);
	client_say(&c, GET("/poll"));
	wait_held(2);
	http_respond(held[1], 200, NULL, SLICE("more"));
	cr_assert(client_hear(&c, "\r\n\r\nmore"));
}

Test(peer, request_while_one_is_held)
{
	client_say(&c, GET("/poll"));
	wait_held(1);
	client_say(&c, GET("/hello"));
	rig_run(&rig, 20);
	cr_assert_eq(hello_count, 0);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_eq(client_count(&c, "\r\n\r\nnews"), 1);
}

Test(peer, gone_with_a_request_behind)
{
	client_say(&c, GET("/poll") GET("/hello"));
	wait_held(1);
	client_close(&c);
	wait_gone(1);
	wait_connections(0);
	cr_assert_eq(hello_count, 0);
}

/* Half of the next head comes with the held request, the rest later. */
Test(peer, half_a_head_behind_a_held_request)
{
	client_say(&c, GET("/poll") "GET /hello HTTP/1.1\r\nHo");
	wait_held(1);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "news"));
	client_say(&c, "st: x\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
}

/* What a chunked body took up is not known: it goes the other way. */
Test(peer, held_after_a_chunked_body)
{
	for (unsigned i = 1; i <= 2; i++) {
		client_say(&c, "POST /poll HTTP/1.1\r\n" HOST
			       "Transfer-Encoding: chunked\r\n\r\n"
			       "1\r\na\r\n0\r\n\r\n");
		wait_held(i);
		http_respond(held[i - 1], 200, NULL, SLICE("news"));
		cr_assert(client_hear(&c, "news"));
		client_forget(&c);
	}
	client_say(&c, GET("/poll"));
	wait_held(3);
	client_close(&c);
	wait_gone(1);
	wait_connections(0);
}

Test(peer, empty_lines_before_a_request)
{
	client_say(&c, "\r\n\r\n" GET("/poll"));
	wait_held(1);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "news"));
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
}

Test(peer, one_response_for_many)
{
	struct client d[20];
	struct http_response *p =
		http_response_new(200, "text/plain", SLICE("shared"));

	http_response_header(p, "X-Shared", "yes");
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++) {
		client_open(&d[i], &rig);
		/* Some are answered by libmicrohttpd, some by us. */
		client_say(&d[i],
			   i % 4 ? GET("/poll") : GET("/poll") GET("/hello"));
		wait_held(i + 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
		http_respond_with(held[i], p);
	http_response_unref(p);
	for (unsigned i = 0; i < ARRAY_SIZE(d); i++) {
		cr_assert(client_hear(&d[i], "\r\n\r\nshared"), "%u", i);
		cr_assert(strstr(client_text(&d[i]), "X-Shared: yes\r\n"));
		cr_assert(strstr(client_text(&d[i]), "Content-Length: 6\r\n"));
		client_close(&d[i]);
	}
}

Test(peer, shared_response_and_origins)
{
	static const char *const origins[] = {"http://a", "http://b",
					      "http://a"};
	struct http_response *p = http_response_new(200, NULL, SLICE("shared"));
	struct client d[3];
	char text[128];

	for (unsigned i = 0; i < 3; i++) {
		client_open(&d[i], &rig);
		(void)snprintf(text, sizeof(text),
			       "GET /poll HTTP/1.1\r\n" HOST
			       "Origin: %s\r\n\r\n",
			       origins[i]);
		client_say(&d[i], text);
		wait_held(i + 1);
	}
	client_say(&c, GET("/poll"));
	wait_held(4);
	for (unsigned i = 0; i < 4; i++)
		http_respond_with(held[i], p);
	http_response_unref(p);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text),
			       "Access-Control-Allow-Origin: %s\r\n",
			       origins[i]);
		cr_assert(client_hear(&d[i], "shared"));
		cr_assert_eq(client_count(&d[i], text), 1);
		client_close(&d[i]);
	}
	cr_assert(client_hear(&c, "shared"));
	cr_assert_eq(client_count(&c, "Access-Control"), 0);
}

Test(peer, answer_that_closes)
{
	struct http_response *p = http_response_new(200, NULL, SLICE("last"));

	client_say(&c, GET("/poll"));
	wait_held(1);
	http_respond_close(held[0], p);
	http_response_unref(p);
	cr_assert(client_hear(&c, "\r\n\r\nlast"));
	cr_assert(strstr(client_text(&c), "Connection: close\r\n"));
	cr_assert(client_hear_end(&c));
	wait_connections(0);
}

Test(peer, old_client_that_keeps_its_connection)
{
	client_say(&c, "GET /poll HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	wait_held(1);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "\r\n\r\nnews"));
	cr_assert(strstr(client_text(&c), "Connection: keep-alive\r\n"));
	client_forget(&c);
	client_say(&c, "GET /hello HTTP/1.0\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert(client_hear_end(&c));
}

Test(peer, large_answer_to_a_held_request)
{
	size_t n = 8 << 20;
	char *bytes = xmalloc(n);

	memset(bytes, 'x', n);
	bytes[n - 1] = 'Z';
	client_say(&c, GET("/poll"));
	wait_held(1);
	http_respond(held[0], 200, NULL, slice_of(bytes, n));
	free(bytes);
	client_say(&c, GET("/hello"));
	rig_run(&rig, 20);
	cr_assert(client_hear(&c, "xxxZ"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	cr_assert_eq(client_count(&c, "HTTP/1.1 200"), 2);
}

Test(peer, free_with_held_requests)
{
	struct client d;

	client_open(&d, &rig);
	client_say(&c, GET("/poll"));
	wait_held(1);
	client_say(&d, GET("/poll") GET("/hello"));
	wait_held(2);
	http_free(rig.http);
	rig.http = NULL;
	cr_assert(client_hear(&c, "HTTP/1.1 503 "));
	cr_assert(client_hear(&d, "HTTP/1.1 503 "));
	cr_assert(client_hear_end(&c));
	cr_assert(client_hear_end(&d));
	cr_assert_eq(gone_count, 0);
	cr_assert_eq(hello_count, 0);
	client_close(&d);
}

/* Handing over */

Test(peer, stream_is_handed_over)
{
	const char *text = "HTTP/1.1 200 OK\r\n\r\nstream";

	client_say(&c, GET("/stream"));
	for (unsigned i = 0; i < 100 && adopted_count == 0; i++)
		rig_tick(&rig);
	cr_assert_eq(adopted_count, 1);
	cr_assert_geq(adopted_fd, 0);
	rig_run(&rig, 20);
	/* libmicrohttpd closed its descriptor, not the connection. */
	cr_assert_eq(http_connections(rig.http), 1);
	cr_assert_not(client_hear(&c, "x") || c.ended || c.reset);
	cr_assert_eq(write(adopted_fd, text, strlen(text)),
		     (ssize_t)strlen(text));
	cr_assert(client_hear(&c, "\r\n\r\nstream"));
	cr_assert_not(c.ended);
	http_adopted_closed(rig.http);
	close(adopted_fd);
	cr_assert(client_hear_end(&c));
	cr_assert_eq(http_connections(rig.http), 0);
}

Test(peer, stream_after_other_requests)
{
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_say(&c, GET("/poll"));
	wait_held(1);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "news"));
	client_say(&c, GET("/stream"));
	for (unsigned i = 0; i < 100 && adopted_count == 0; i++)
		rig_tick(&rig);
	cr_assert_geq(adopted_fd, 0);
	cr_assert_eq(write(adopted_fd, "stream", 6), 6);
	cr_assert(client_hear(&c, "stream"));
	http_adopted_closed(rig.http);
	close(adopted_fd);
}

Test(peer, upgrade_is_handed_over_with_what_came_ahead)
{
	client_say(&c, "GET /upgrade HTTP/1.1\r\n" HOST
		       "Upgrade: test\r\nConnection: Upgrade\r\n\r\nahead");
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 101 "));
	cr_assert(strstr(client_text(&c), "Upgrade: test\r\n"));
	cr_assert(strstr(client_text(&c), "X-Extra: 1\r\n"));
	cr_assert_geq(adopted_fd, 0);
	cr_assert_str_eq(adopted_ahead, "ahead");
	client_say(&c, "after");
	rig_run(&rig, 20);
	cr_assert_eq(http_connections(rig.http), 1);
	cr_assert_eq(read(adopted_fd, adopted_ahead, 10), 5);
	cr_assert_eq(memcmp(adopted_ahead, "after", 5), 0);
	cr_assert_eq(write(adopted_fd, "reply", 5), 5);
	cr_assert(client_hear(&c, "reply"));
	cr_assert_not(c.ended);
	http_adopted_closed(rig.http);
	close(adopted_fd);
}

Test(peer, upgrade_needs_http_1_1)
{
	client_say(&c, "GET /upgrade HTTP/1.0\r\n\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert_eq(adopted_count, 1);
	cr_assert_eq(adopted_fd, -1);
	wait_connections(0);
}

Test(peer, stream_of_a_client_that_left)
{
	client_say(&c, GET("/stream"));
	client_close(&c);
	for (unsigned i = 0; i < 100 && adopted_count == 0; i++)
		rig_tick(&rig);
	cr_assert_eq(adopted_fd, -1);
	wait_connections(0);
}

/* Time */

static struct http_options quick(void)
{
	struct http_options o = http_defaults;

	o.head_timeout_ms = 150;
	o.body_timeout_ms = 150;
	o.idle_timeout_ms = 300;
	o.gone_timeout_ms = 100;
	return o;
}

static void setup_quick(void)
{
	struct http_options o = quick();

	start(&o);
	client_open(&c, &rig);
}

TestSuite(deadline, .init = setup_quick, .fini = teardown, .timeout = 20);

static void expect_408(void)
{
	cr_assert(client_hear(&c, "{\"error\":\"request timeout\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 408 "));
	cr_assert(strstr(client_text(&c), "Connection: close\r\n"));
	cr_assert(client_hear_end(&c));
	wait_connections(0);
}

Test(deadline, half_a_head)
{
	uint64_t start_ms = clock_ms(&clock_monotonic);

	client_say(&c, "GET /hello HTTP/1.1\r\nHost:");
	expect_408();
	cr_assert_geq(clock_ms(&clock_monotonic) - start_ms, 140);
	cr_assert_lt(clock_ms(&clock_monotonic) - start_ms, 400);
}

/* A byte now and then does not move the deadline. */
Test(deadline, dripping_head)
{
	for (unsigned i = 0; i < 30 && c.in.len == 0; i++) {
		client_say(&c, "G");
		rig_run(&rig, 10);
		(void)client_hear(&c, "408");
	}
	expect_408();
}

Test(deadline, half_a_head_after_a_request)
{
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	rig_run(&rig, 200);
	client_forget(&c);
	client_say(&c, "GET /hel");
	expect_408();
}

Test(deadline, slow_body)
{
	client_say(&c, "POST /hello HTTP/1.1\r\n" HOST
		       "Content-Length: 5\r\n\r\nab");
	expect_408();
	cr_assert_eq(hello_count, 0);
}

Test(deadline, slow_body_of_a_refused_request)
{
	client_say(&c, "POST /nowhere HTTP/1.1\r\n" HOST
		       "Content-Length: 5\r\n\r\nab");
	cr_assert(client_hear(&c, "HTTP/1.1 404 "));
	cr_assert(client_hear_end(&c));
}

Test(deadline, silent_connection_is_closed_silently)
{
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
	wait_connections(0);
}

Test(deadline, idle_connection_is_closed_silently)
{
	uint64_t start_ms;

	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_forget(&c);
	start_ms = clock_ms(&clock_monotonic);
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
	cr_assert_geq(clock_ms(&clock_monotonic) - start_ms, 250);
	wait_connections(0);
}

Test(deadline, idle_connection_of_libmicrohttpd)
{
	client_say(&c, GET("/hello") GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_say(&c, "POST /hello HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	cr_assert(client_hear_end(&c));
	cr_assert_eq(client_count(&c, "\r\n\r\nhello"), 3);
	cr_assert_eq(client_count(&c, "HTTP/1.1 "), 3);
	wait_connections(0);
}

Test(deadline, held_request_waits)
{
	client_say(&c, GET("/poll"));
	wait_held(1);
	rig_run(&rig, 500);
	http_respond(held[0], 200, NULL, SLICE("news"));
	cr_assert(client_hear(&c, "\r\n\r\nnews"));
	cr_assert_eq(gone_count, 0);
}

Test(deadline, answer_that_nobody_reads)
{
	size_t n = 32 << 20;
	char *bytes = xcalloc(1, n);

	client_say(&c, GET("/poll"));
	wait_held(1);
	http_respond(held[0], 200, NULL, slice_of(bytes, n));
	free(bytes);
	wait_connections(0);
}

/* Room */

Test(peer_limits, too_many_connections)
{
	struct http_options o = http_defaults;
	struct client d, e;

	o.max_connections = 2;
	start(&o);
	client_open(&c, &rig);
	client_open(&d, &rig);
	client_say(&c, GET("/stream"));
	client_say(&d, GET("/poll"));
	wait_held(1);
	cr_assert_eq(http_connections(rig.http), 2);
	client_open(&e, &rig);
	client_say(&e, GET("/hello"));
	cr_assert(client_hear(&e, "{\"error\":\"too many connections\"}"));
	cr_assert(strstr(client_text(&e), "HTTP/1.1 503 "));
	cr_assert(client_hear_end(&e));
	cr_assert_not(e.reset);
	client_close(&e);
	http_adopted_closed(rig.http);
	close(adopted_fd);
	client_open(&e, &rig);
	client_say(&e, GET("/hello"));
	cr_assert(client_hear(&e, "\r\n\r\nhello"));
	client_close(&e);
	client_close(&d);
	teardown();
}

/* Takes every descriptor but `spare`, returns the highest limit before. */
static void exhaust(rlim_t spare)
{
	struct rlimit limit;
	int top = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(top, 0);
	close(top);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)top + spare;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(peer_limits, out_of_descriptors, .timeout = 20)
{
	struct rlimit limit, tight;
	struct client d[5];
	unsigned ticks;

	start(NULL);
	client_open(&c, &rig);
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "hello"));
	client_forget(&c);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < 5; i++)
		client_open(&d[i], &rig);
	exhaust(0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &tight), 0);
	for (unsigned i = 0; i < 5; i++) {
		cr_assert(client_hear(&d[i], "HTTP/1.1 503 "), "%u", i);
		cr_assert(client_hear_end(&d[i]));
	}
	/* It neither spins nor forgets those that it has. */
	ticks = rig.ticks;
	rig_run(&rig, 100);
	cr_assert_lt(rig.ticks - ticks, 40);
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	client_forget(&c);
	client_say(&c, GET("/stream"));
	for (unsigned i = 0; i < 100 && adopted_count == 0; i++)
		rig_tick(&rig);
	cr_assert_geq(adopted_fd, 0);
	http_adopted_closed(rig.http);
	close(adopted_fd);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < 5; i++)
		client_close(&d[i]);
	client_open(&d[0], &rig);
	client_say(&d[0], GET("/hello"));
	cr_assert(client_hear(&d[0], "\r\n\r\nhello"));
	client_close(&d[0]);
	teardown();
}

/* Not even the reserve helps: nobody is accepted, and nothing spins. */
Test(peer_limits, out_of_everything, .timeout = 20)
{
	struct rlimit limit, none;
	unsigned ticks;

	start(NULL);
	client_open(&c, &rig);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ticks = rig.ticks;
	rig_run(&rig, 150);
	cr_assert_lt(rig.ticks - ticks, 60);
	cr_assert_eq(http_connections(rig.http), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	client_say(&c, GET("/hello"));
	cr_assert(client_hear(&c, "\r\n\r\nhello"));
	teardown();
}

Test(peer_limits, many_connections_at_once)
{
	static struct client d[300];

	start(NULL);
	for (unsigned i = 0; i < 300; i++) {
		client_open(&d[i], &rig);
		client_say(&d[i], GET("/hello"));
	}
	for (unsigned i = 0; i < 300; i++) {
		cr_assert(client_hear(&d[i], "\r\n\r\nhello"));
		client_close(&d[i]);
	}
	wait_connections(0);
	rig_release(&rig);
}

Test(deadline, an_owners_idle_connections_are_closed_soon_and_no_others)
{
	uint64_t start_ms;
	struct client other;

	client_open(&other, &rig);
	client_say(&c, GET("/owned"));
	client_say(&other, GET("/hello"));
	cr_assert(client_hear(&c, "owned"));
	cr_assert(client_hear(&other, "hello"));
	start_ms = clock_ms(&clock_monotonic);
	client_forget(&c);
	http_owner_gone(&owner);
	cr_assert(list_empty(&owner.connections));
	cr_assert(client_hear_end(&c));
	cr_assert_geq(clock_ms(&clock_monotonic) - start_ms, 90);
	cr_assert_eq(c.in.len, 0);
	cr_assert_not(c.reset);
	client_forget(&other);
	client_say(&other, GET("/owned"));
	cr_assert(client_hear(&other, "owned"));
	cr_assert_not(list_empty(&owner.connections));
	client_close(&other);
	/* A connection that ends is nobody's. */
	rig_run(&rig, 50);
	cr_assert(list_empty(&owner.connections));
}

Test(deadline, an_owners_next_request_takes_the_hurry_away)
{
	client_say(&c, GET("/owned"));
	cr_assert(client_hear(&c, "owned"));
	client_forget(&c);
	http_owner_gone(&owner);
	client_say(&c, GET("/owned"));
	cr_assert(client_hear(&c, "owned"));
	client_forget(&c);
	rig_run(&rig, 150);
	cr_assert_not(c.ended);
	http_owner_release(&owner);
	cr_assert(list_empty(&owner.connections));
	client_forget(&c);
	client_say(&c, GET("/owned"));
	cr_assert(client_hear(&c, "owned"));
}

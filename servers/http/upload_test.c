/* SPDX-License-Identifier: MIT */
/* A route that is told of its requests' bodies. */
#include <criterion/criterion.h>

#include "servers/http/test_rig.h"

static struct rig rig;
static struct client c;
static unsigned told[4], handled;
static bool ended_first;

static void on_upload(struct http_request *r, enum http_upload what, void *arg)
{
	struct slice value;

	(void)arg;
	cr_assert(http_request_query(r, "id", &value));
	cr_assert(slice_is(value, "7"));
	told[what]++;
}

static void on_request(struct http_request *r, void *arg)
{
	(void)arg;
	handled++;
	ended_first = told[HTTP_UPLOAD_ENDS] == told[HTTP_UPLOAD_BEGINS];
	http_respond(r, 200, NULL, SLICE("done"));
}

static void setup(void)
{
	memset(told, 0, sizeof(told));
	handled = 0;
	rig_init(&rig, NULL);
	http_route(rig.http, &(struct http_route){.path = "/up",
						  .methods = HTTP_ANY,
						  .max_body = 100,
						  .handle = on_request,
						  .on_upload = on_upload});
	rig_start(&rig);
	client_open(&c, &rig);
}

static void teardown(void)
{
	client_close(&c);
	rig_release(&rig);
}

TestSuite(upload, .init = setup, .fini = teardown, .timeout = 20);

static void expect_told(unsigned begins, unsigned ends, unsigned refused,
			unsigned lost)
{
	cr_assert_eq(told[HTTP_UPLOAD_BEGINS], begins);
	cr_assert_eq(told[HTTP_UPLOAD_ENDS], ends);
	cr_assert_eq(told[HTTP_UPLOAD_REFUSED], refused);
	cr_assert_eq(told[HTTP_UPLOAD_LOST], lost);
}

Test(upload, begins_before_the_body_and_ends_before_the_handler)
{
	client_say(&c, "POST /up?id=7 HTTP/1.1\r\nHost: x\r\n"
		       "Content-Length: 4\r\n\r\nab");
	rig_run(&rig, 20);
	expect_told(1, 0, 0, 0);
	cr_assert_eq(handled, 0);
	client_say(&c, "cd");
	cr_assert(client_hear(&c, "done"));
	expect_told(1, 1, 0, 0);
	cr_assert(ended_first);
}

Test(upload, a_client_that_leaves_is_a_loss)
{
	client_say(&c, "POST /up?id=7 HTTP/1.1\r\nHost: x\r\n"
		       "Content-Length: 4\r\n\r\nab");
	rig_run(&rig, 20);
	client_close(&c);
	rig_run(&rig, 20);
	expect_told(1, 0, 0, 1);
	cr_assert_eq(handled, 0);
}

Test(upload, chunks_beyond_the_limit_are_refused)
{
	client_say(&c, "POST /up?id=7 HTTP/1.1\r\nHost: x\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 10; i++)
		client_say(&c, "10\r\n0123456789abcdef\r\n");
	client_say(&c, "0\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 413 "));
	expect_told(1, 0, 1, 0);
	cr_assert_eq(handled, 0);
}

Test(upload, what_has_no_body_or_too_large_a_one_is_not_told)
{
	client_say(&c, "GET /up?id=7 HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, "done"));
	client_forget(&c);
	client_say(&c, "POST /up?id=7 HTTP/1.1\r\nHost: x\r\n"
		       "Content-Length: 101\r\n\r\n");
	for (int i = 0; i < 101; i++)
		client_say(&c, "x");
	cr_assert(client_hear(&c, "HTTP/1.1 413 "));
	expect_told(0, 0, 0, 0);
}

Test(upload, the_front_may_end_in_the_middle)
{
	client_say(&c, "POST /up?id=7 HTTP/1.1\r\nHost: x\r\n"
		       "Content-Length: 4\r\n\r\nab");
	rig_run(&rig, 20);
	expect_told(1, 0, 0, 0);
}

/* SPDX-License-Identifier: MIT */
#include "bench/load/plain.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/env.h"
#include "servers/base/clock.h"
#include "servers/base/loop.h"

#define CLIENTS 2
#define TICKS 1000
#define ANSWER                                                                 \
	"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: %d\r\n"                 \
	"Last-Modified: then\r\n\r\n{\"n\":%d}"

/* What a client told, and the server's end of its connection. */
struct seen {
	struct client *client;
	int fd;
	unsigned opened, messages, answers, closed;
	bool ok;
	char text[256]; /* of the newest message, answer or end */
	char request[1024];
};

static struct loop *loop;
static struct client_env *env;
static int listener;
static struct client_options options;
static struct seen seen[CLIENTS];
static const char *rooms[] = {"a b"};

static void put(struct seen *s, struct slice text)
{
	(void)snprintf(s->text, sizeof(s->text), "%.*s", SLICE_ARG(text));
}

static void on_open(struct client *c)
{
	((struct seen *)c->owner)->opened++;
}

static void on_message(struct client *c, const struct client_message *m)
{
	struct seen *s = c->owner;

	s->messages++;
	put(s, m->data);
}

static void on_object(struct client *c, struct slice object)
{
	(void)c;
	(void)object;
}

static void on_answer(struct client *c, uint64_t id, bool ok, struct slice body)
{
	struct seen *s = c->owner;

	cr_assert_eq(id, s->answers + 1);
	s->answers++;
	s->ok = ok;
	put(s, body);
}

static void on_closed(struct client *c, enum err err, const char *why)
{
	struct seen *s = c->owner;

	(void)err;
	s->closed++;
	put(s, slice_str(why));
}

static const struct client_events events = {
	.on_open = on_open,
	.on_message = on_message,
	.on_object = on_object,
	.on_answer = on_answer,
	.on_closed = on_closed,
};

static void set_up(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);

	cr_assert_eq(loop_new(&clock_monotonic, &loop), ERR_OK);
	env = client_env_new(loop);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&at, n), 0);
	cr_assert_eq(listen(listener, 8), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	options = (struct client_options){.host = "127.0.0.1",
					  .port = ntohs(at.sin_port),
					  .rooms = rooms,
					  .room_count = 1};
}

static void tear_down(void)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		client_free(seen[i].client);
		if (seen[i].fd > 0)
			(void)close(seen[i].fd);
	}
	client_env_free(env);
	loop_free(loop);
	(void)close(listener);
}

TestSuite(plain, .init = set_up, .fini = tear_down, .timeout = 60);

static void tick(void)
{
	cr_assert_eq(loop_tick(loop, 10), ERR_OK);
}

static void start(struct seen *s, const struct client_ops *ops)
{
	cr_assert_eq(client_new(env, ops, &options, &events, s, &s->client),
		     ERR_OK);
}

/* Reads until a whole head, and `more` bytes behind it. */
static void read_request(struct seen *s, size_t more)
{
	size_t got = 0;

	for (unsigned i = 0; i < TICKS; i++) {
		ssize_t n = recv(s->fd, s->request + got,
				 sizeof(s->request) - 1 - got, MSG_DONTWAIT);
		const char *end;

		got += n > 0 ? (size_t)n : 0;
		s->request[got] = '\0';
		end = strstr(s->request, "\r\n\r\n");
		if (end && strlen(end + 4) >= more)
			return;
		tick();
	}
	cr_assert(false, "no request: %s", s->request);
}

static void say(struct seen *s, const char *text, size_t piece)
{
	for (size_t n = strlen(text); n > 0;) {
		size_t part = n < piece ? n : piece;

		cr_assert_eq(send(s->fd, text, part, 0), (ssize_t)part);
		text += part;
		n -= part;
		tick();
	}
}

static void poll_opens(struct seen *s)
{
	start(s, &client_poll);
	s->fd = accept(listener, NULL, NULL);
	read_request(s, 0);
	cr_assert_not_null(strstr(s->request, "GET /poll?room=a%20b HTTP"),
			   "%s", s->request);
	cr_assert_null(strstr(s->request, "If-None-Match"));
	for (unsigned i = 0; i < TICKS && !s->opened; i++)
		tick();
	cr_assert_eq(s->opened, 1);
}

static void poll_gets(struct seen *s, int number, size_t piece)
{
	char text[256], tag[64];
	unsigned before = s->messages;

	(void)snprintf(text, sizeof(text), ANSWER, number, number);
	say(s, text, piece);
	for (unsigned i = 0; i < TICKS && s->messages == before; i++)
		tick();
	cr_assert_eq(s->messages, before + 1, "%s", s->text);
	(void)snprintf(text, sizeof(text), "{\"n\":%d}", number);
	cr_assert_str_eq(s->text, text);
	read_request(s, 0);
	(void)snprintf(tag, sizeof(tag),
		       "If-None-Match: %d\r\nIf-Modified-Since: then\r\n",
		       number);
	cr_assert_not_null(strstr(s->request, tag), "%s", s->request);
}

Test(plain, a_poll_asks_for_what_follows)
{
	poll_opens(&seen[0]);
	poll_opens(&seen[1]);
	/* Whole, and known from the other; then a byte at a time. */
	poll_gets(&seen[0], 1, SIZE_MAX);
	poll_gets(&seen[1], 1, SIZE_MAX);
	poll_gets(&seen[0], 2, 1);
	poll_gets(&seen[1], 2, SIZE_MAX);
	poll_gets(&seen[0], 3, 100);
	cr_assert_eq(seen[0].messages, 3);
	cr_assert_eq(seen[1].messages, 2);
	cr_assert_eq(seen[0].closed + seen[1].closed, 0);
}

/* Behind a relay, its acknowledgement says nothing of the server. */
Test(plain, a_poll_on_a_long_way_opens_later)
{
	struct seen *s = &seen[0];
	uint64_t asked;

	options.way_ms = 250;
	asked = loop_now_ms(loop);
	poll_opens(s);
	cr_assert_geq(loop_now_ms(loop) - asked, PLAIN_SETTLE_MS + 250);
	poll_gets(s, 1, SIZE_MAX);
}

/* Asks once; the answer that opens it is not of its time. */
static void interval_opens(struct seen *s, const char *first)
{
	options.poll_ms = 40;
	start(s, &client_poll);
	s->fd = accept(listener, NULL, NULL);
	read_request(s, 0);
	cr_assert_eq(s->opened, 0);
	say(s, first, SIZE_MAX);
	for (unsigned i = 0; i < TICKS && !s->opened; i++)
		tick();
	cr_assert_eq(s->opened, 1);
	cr_assert_eq(s->messages, 0);
	read_request(s, 0);
}

Test(plain, a_poll_at_intervals_does_not_wait)
{
	struct seen *s = &seen[0];
	uint64_t begin = loop_now_ms(loop);

	interval_opens(s, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n"
			  "\r\nnone");
	poll_gets(s, 1, SIZE_MAX);
	say(s, "HTTP/1.1 304 Not Modified\r\n\r\n", 1);
	read_request(s, 0);
	cr_assert_not_null(strstr(s->request, "If-None-Match: 1"));
	poll_gets(s, 2, 1);
	cr_assert_geq(loop_now_ms(loop) - begin, 3 * 40);
	cr_assert_eq(s->messages, 2);
	cr_assert_eq(s->closed, 0);
}

Test(plain, what_was_there_before_a_poll_at_intervals_is_no_message)
{
	char text[256];

	(void)snprintf(text, sizeof(text), ANSWER, 7, 7);
	interval_opens(&seen[0], text);
	cr_assert_not_null(strstr(seen[0].request, "If-None-Match: 7"));
	poll_gets(&seen[0], 8, SIZE_MAX);
	/* The second one has it from the first one's memo, or not at all. */
	interval_opens(&seen[1], text);
	poll_gets(&seen[1], 8, SIZE_MAX);
}

Test(plain, an_answer_without_a_message_is_asked_again)
{
	struct seen *s = &seen[0];

	poll_opens(s);
	poll_gets(s, 4, SIZE_MAX);
	say(s, "HTTP/1.1 304 Not Modified\r\n\r\n", SIZE_MAX);
	read_request(s, 0);
	cr_assert_not_null(strstr(s->request, "If-None-Match: 4"));
	cr_assert_eq(s->messages, 1);
	say(s, "HTTP/1.1 204 No Content\r\n\r\n", 1);
	read_request(s, 0);
	poll_gets(s, 5, SIZE_MAX);
}

Test(plain, a_poll_that_fails_ends)
{
	static const char *const bad[] = {
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"hello\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more",
		("HTTP/1.1 200 OK\r\nConnection: close\r\n"
		 "Content-Length: 2\r\n\r\n{}"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct seen *s = &seen[0];

		*s = (struct seen){0};
		poll_opens(s);
		say(s, bad[i], SIZE_MAX);
		for (unsigned k = 0; k < TICKS && !s->closed; k++)
			tick();
		cr_assert_eq(s->closed, 1, "%s", bad[i]);
		client_free(s->client);
		(void)close(s->fd);
		s->client = NULL;
		s->fd = -1;
	}
}

Test(plain, publishing_is_a_post_and_its_status_the_answer)
{
	struct seen *s = &seen[0];

	start(s, &client_post);
	tick();
	cr_assert_eq(s->opened, 1);
	client_publish(s->client, SLICE("a b"), SLICE("e"), SLICE("{\"x\":1}"),
		       false, 1);
	for (unsigned i = 0; i < 3; i++)
		tick();
	s->fd = accept(listener, NULL, NULL);
	read_request(s, 7);
	cr_assert_eq(
		strstr(s->request, "POST /publish?room=a%20b HTTP/1.1\r\n"),
		s->request, "%s", s->request);
	cr_assert_not_null(strstr(s->request, "Content-Length: 7\r\n"));
	cr_assert_not_null(strstr(s->request, "\r\n\r\n{\"x\":1}"));
	say(s, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", 1);
	cr_assert_eq(s->answers, 1);
	cr_assert(s->ok);
	cr_assert_str_eq(s->text, "ok");
	client_publish(s->client, SLICE("a"), SLICE("e"), SLICE("1"), false, 2);
	read_request(s, 1);
	say(s, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", SIZE_MAX);
	cr_assert_eq(s->answers, 2);
	cr_assert_not(s->ok);
	cr_assert_eq(s->closed, 0);
	/* Nobody waits for that answer: it would be lost silently. */
	client_publish(s->client, SLICE("a"), SLICE("e"), SLICE("1"), false, 0);
	read_request(s, 1);
	say(s, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", SIZE_MAX);
	cr_assert_eq(s->closed, 1);
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "clients/fake_world.h"

#define HEAD                                                                   \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"               \
	"Connection: close\r\n\r\nretry: 2000\n\n"
#define WELCOME                                                                \
	"{\"type\":\"welcome\",\"payload\":{\"total\":1,\"sid\":\"s3cret\","   \
	"\"id\":\"i\",\"epoch\":\"e\",\"position\":0}}"
#define WELCOME_EVENT "id: e-0\nevent: welcome\ndata: " WELCOME "\n\n"
#define MESSAGE(seq)                                                           \
	"{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\",\"data\":[1, 2]" \
	",\"from\":\"f\",\"seq\":" #seq ",\"position\":7}"
#define EVENT(seq) "id: e-7\nevent: e\ndata: " MESSAGE(seq) "\n\n"
#define LINE(seq) "message r e [1, 2] f " #seq "\n"

static struct fake_world world;
static struct fake_link stream, post;

static void set_up(void)
{
	fake_world_init(&world);
}

static void tear_down(void)
{
	fake_world_release(&world);
}

TestSuite(client_sse, .init = set_up, .fini = tear_down);

static struct client *open_client(struct fake_link *l)
{
	struct client *c = fake_world_client(&world, &client_sse, NULL);

	fake_link_accept(l, &world);
	(void)fake_link_request(l);
	fake_link_say(l, HEAD WELCOME_EVENT);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	return c;
}

Test(client_sse, the_request_names_namespace_and_rooms)
{
	static const char *const rooms[] = {"a", "b c"};
	struct client_options o = {
		.nsp = "/chat", .rooms = rooms, .room_count = 2};
	struct client *c = fake_world_client(&world, &client_sse, &o);
	const char *request;

	fake_link_accept(&stream, &world);
	request = fake_link_request(&stream);
	cr_assert_eq(strncmp(request,
			     "GET /sse?nsp=%2Fchat&room=a&room=b%20c "
			     "HTTP/1.1\r\nHost: 127.0.0.1:",
			     61),
		     0, "%s", request);
	cr_assert(strstr(request, "\r\nAccept: text/event-stream\r\n"));
	client_free(c);
	cr_assert(fake_link_ended(&stream));
	fake_link_close(&stream);
}

Test(client_sse, events_arrive_whole_and_byte_by_byte)
{
	struct client *c = open_client(&stream);

	fake_link_say(&stream, EVENT(1) EVENT(2));
	fake_world_expect(&world, LINE(1) LINE(2));
	cr_assert_neq(world.memo, 0);
	fake_link_drip(&stream, SLICE(":\n\n" EVENT(3)));
	fake_world_expect(&world, LINE(3));
	cr_assert_eq(world.memo, 0);
	fake_link_say(&stream, ":\n\n");
	fake_link_say(&stream, EVENT(4));
	fake_world_expect(&world, LINE(4));
	cr_assert_eq(c->counts.messages, 4);
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, the_head_may_come_byte_by_byte)
{
	struct client *c = fake_world_client(&world, &client_sse, NULL);

	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_drip(&stream, SLICE(HEAD WELCOME_EVENT EVENT(1)));
	fake_world_expect(&world, "object " WELCOME "\nopen\n" LINE(1));
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, two_clients_share_the_decoding)
{
	struct fake_link other;
	struct client *a = open_client(&stream);
	struct client *b = open_client(&other);
	uint64_t memo;

	fake_link_say(&stream, EVENT(1));
	fake_world_expect(&world, LINE(1));
	memo = world.memo;
	cr_assert_neq(memo, 0);
	fake_link_say(&other, EVENT(1));
	fake_world_expect(&world, LINE(1));
	cr_assert_eq(memo, world.memo);
	client_free(a);
	client_free(b);
	fake_link_close(&stream);
	fake_link_close(&other);
}

/* Equal bytes after half an event are another event. */
Test(client_sse, a_pending_line_keeps_it_off_the_memo)
{
	struct client *c = open_client(&stream);

	fake_link_say(&stream, EVENT(1));
	fake_world_expect(&world, LINE(1));
	fake_link_say(&stream, "data: [1,\n");
	fake_world_ticks(&world, 3);
	fake_link_say(&stream, "data: 2]\n\n" EVENT(1));
	fake_world_expect(&world, "object [1,\n2]\n" LINE(1));
	cr_assert_eq(world.memo, 0);
	client_free(c);
	fake_link_close(&stream);
}

/* Data of several lines lies in the parser's memory: it is not remembered. */
Test(client_sse, a_message_in_two_lines_is_read)
{
	struct client *c = open_client(&stream);

	fake_link_say(&stream,
		      "data: {\"type\":\"message\",\"room\":\"r\",\n"
		      "data: \"event\":\"e\",\"data\":1,\"seq\":1}\n\n");
	fake_world_expect(&world, "message r e 1  1\n");
	cr_assert_eq(world.memo, 0);
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, a_chunked_stream_is_read_too)
{
	struct client *c = fake_world_client(&world, &client_sse, NULL);

	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_say(&stream, "HTTP/1.1 200 OK\r\n"
			       "Content-Type: text/event-stream\r\n"
			       "Transfer-Encoding: chunked\r\n\r\n"
			       "14\r\ndata: {\"type\":\"a\"}\n\n\r\n"
			       "5\r\ndata:\r\nf\r\n {\"type\":\"b\"}\n\n\r\n");
	fake_world_expect(&world, "object {\"type\":\"a\"}\n"
				  "object {\"type\":\"b\"}\n");
	fake_link_say(&stream, "0\r\n\r\n");
	fake_world_expect(&world, "closed closed by the peer: the server ended "
				  "the stream\n");
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, raw_hands_out_every_event_as_it_came)
{
	static const char *const rooms[] = {"r"};
	struct client_options o = {
		.raw = true, .rooms = rooms, .room_count = 1};
	struct client *c = fake_world_client(&world, &client_sse, &o);
	const char *request;

	fake_link_accept(&stream, &world);
	request = fake_link_request(&stream);
	cr_assert_eq(strncmp(request, "GET /sse HTTP/1.1\r\n", 19), 0);
	fake_link_say(&stream, HEAD "id: 5\nevent: x\ndata: a\"b\n\n" EVENT(1));
	fake_world_expect(
		&world,
		"open\n"
		"object {\"type\":\"x\",\"data\":\"a\\\"b\",\"lastEventId\":"
		"\"5\"}\n"
		"object {\"type\":\"e\",\"data\":\"{\\\"type\\\":\\\"message"
		"\\\",\\\"room\\\":\\\"r\\\",\\\"event\\\":\\\"e\\\",\\\"data"
		"\\\":[1, 2],\\\"from\\\":\\\"f\\\",\\\"seq\\\":1,\\\"position"
		"\\\":7}\",\"lastEventId\":\"e-7\"}\n");
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, commands_are_pipelined_and_answered_in_order)
{
	struct client *c = open_client(&stream);
	const char *request;

	client_join(c, SLICE("r"), 5);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("1"), false, 0);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("2"), false, 6);
	fake_link_accept(&post, &world);
	request = fake_link_request(&post);
	cr_assert_eq(strncmp(request, "POST /sse/s3cret HTTP/1.1\r\n", 27), 0,
		     "%s", request);
	cr_assert(strstr(request, "\r\n\r\n{\"type\":\"join\",\"room\":\"r\","
				  "\"id\":5}"),
		  "%s", request);
	cr_assert(post.in.len > 0, "the others came with it");
	(void)fake_link_request(&post);
	request = fake_link_request(&post);
	cr_assert(strstr(request, "\"data\":2,\"id\":6}"), "%s", request);
	/* Three answers in one write, then one more byte by byte. */
	fake_link_say(&post,
		      "HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n"
		      "{\"type\":\"ack\",\"id\":5,\"data\":{\"room\":1}}"
		      "HTTP/1.1 204 No Content\r\n\r\n"
		      "HTTP/1.1 400 Bad Request\r\nContent-Length: 38\r\n\r\n"
		      "{\"type\":\"error\",\"id\":6,\"payload\":\"no\"}");
	fake_world_expect(&world, "answer 5 ok {\"room\":1}\n"
				  "answer 6 failed \"no\"\n");
	client_leave(c, SLICE("r"), 7);
	(void)fake_link_request(&post);
	fake_link_drip(&post, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n"
				    "\r\n{\"type\":\"ack\",\"id\":7,\"data\":"
				    "1}"));
	fake_world_expect(&world, "answer 7 ok 1\n");
	client_free(c);
	fake_link_close(&stream);
	fake_link_close(&post);
}

Test(client_sse, a_status_without_an_object_is_a_failure)
{
	struct client *c = open_client(&stream);

	client_join(c, SLICE("r"), 5);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	fake_link_answer(&post, "404 Not Found", "{\"error\":\"unknown\"}");
	fake_world_expect(&world, "answer 5 failed {\"error\":\"unknown\"}\n");
	client_free(c);
	fake_link_close(&stream);
	fake_link_close(&post);
}

Test(client_sse, a_lost_link_fails_what_was_in_flight_only)
{
	struct client *c = open_client(&stream);

	client_join(c, SLICE("a"), 1);
	client_join(c, SLICE("b"), 2);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	(void)fake_link_request(&post);
	fake_link_say(&post, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n"
			     "Connection: close\r\n\r\n"
			     "{\"type\":\"ack\",\"id\":1,\"data\":1}");
	fake_world_expect(&world, "answer 1 ok 1\n"
				  "answer 2 failed the server closed the "
				  "connection\n");
	fake_link_close(&post);
	client_join(c, SLICE("c"), 3);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	fake_link_close(&post);
	fake_world_expect(&world, "answer 3 failed the server closed the "
				  "connection\n");
	fake_link_say(&stream, EVENT(1));
	fake_world_expect(&world, LINE(1));
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, an_idle_command_link_ends_and_comes_back)
{
	struct client *c = open_client(&stream);

	client_join(c, SLICE("a"), 0);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	fake_link_say(&post, "HTTP/1.1 204 No Content\r\n\r\n");
	fake_world_ticks(&world, 3);
	fake_world_advance(&world, 6000);
	cr_assert(fake_link_ended(&post));
	fake_link_close(&post);
	client_join(c, SLICE("b"), 0);
	fake_link_accept(&post, &world);
	cr_assert(strstr(fake_link_request(&post), "\"room\":\"b\""));
	client_free(c);
	fake_link_close(&stream);
	fake_link_close(&post);
}

Test(client_sse, a_refused_stream_tells_why)
{
	struct client *c = fake_world_client(&world, &client_sse, NULL);

	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_answer(&stream, "404 Not Found", "{\"error\":\"x\"}");
	fake_world_expect(&world, "closed refused: the server answered with "
				  "HTTP status 404\n");
	client_free(c);
	fake_link_close(&stream);
	c = fake_world_client(&world, &client_sse, NULL);
	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_answer(&stream, "200 OK", "hello");
	fake_world_expect(&world, "closed protocol violation: the server did "
				  "not answer with an event stream\n");
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, the_end_of_the_stream_is_told)
{
	struct client *c = open_client(&stream);

	fake_link_say(&stream, EVENT(1));
	fake_link_close(&stream);
	fake_world_expect(&world, LINE(1) "closed closed by the peer: the "
					  "server ended the stream\n");
	client_free(c);
}

Test(client_sse, a_client_may_free_itself_in_any_callback)
{
	static const char *const lines[] = {"object " WELCOME, "open",
					    "message r e [1, 2] f 1",
					    "object 5"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		world.free_at = slice_str(lines[i]);
		(void)fake_world_client(&world, &client_sse, NULL);
		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		fake_link_say(&stream, HEAD WELCOME_EVENT EVENT(
					       1) "data: 5\n\n" EVENT(2));
		cr_assert(fake_link_ended(&stream), "%s", lines[i]);
		fake_link_close(&stream);
		cr_assert_eq(world.log.data[world.log.len - 2],
			     lines[i][strlen(lines[i]) - 1]);
		fake_world_forget(&world);
	}
}

/* Reconnect */

static const char *const one_room[] = {"a"};

static struct client *open_lasting(void)
{
	struct client_options o = {
		.reconnect = true, .rooms = one_room, .room_count = 1};
	struct client *c = fake_world_client(&world, &client_sse, &o);

	fake_link_accept(&stream, &world);
	cr_assert(strstr(fake_link_request(&stream), "GET /sse?room=a HTTP"));
	fake_link_say(&stream, HEAD WELCOME_EVENT);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	return c;
}

/* The stream ends; returns the next request, when its time has come. */
static const char *cut_and_come_back(void)
{
	fake_link_close(&stream);
	fake_world_expect(&world, "lost closed by the peer: the server ended "
				  "the stream\n");
	fake_world_advance(&world, world.wait_ms + 1);
	fake_link_accept(&stream, &world);
	return fake_link_request(&stream);
}

Test(client_sse, a_lost_stream_is_resumed_by_its_last_id)
{
	struct client *c = open_lasting();
	const char *request;

	client_join(c, SLICE("b"), 0);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	fake_link_say(&stream, EVENT(1) "id: e-8\ndata: half");
	fake_world_expect(&world, LINE(1));
	request = cut_and_come_back();
	cr_assert_geq(world.wait_ms, 2000, "retry: says so");
	cr_assert_leq(world.wait_ms, 3000);
	cr_assert(strstr(request, "GET /sse?room=a&room=b HTTP/1.1\r\n"), "%s",
		  request);
	cr_assert(strstr(request, "\r\nLast-Event-ID: e-7\r\n"), "%s", request);
	fake_link_say(&stream, "HTTP/1.1 200 OK\r\n"
			       "Content-Type: text/event-stream\r\n\r\n"
			       "event: welcome\ndata: " WELCOME "\n\n");
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	/* No id came since: the one before still counts, and retry: too. */
	request = cut_and_come_back();
	cr_assert_geq(world.wait_ms, 2000);
	cr_assert(strstr(request, "\r\nLast-Event-ID: e-7\r\n"), "%s", request);
	client_free(c);
	fake_link_close(&stream);
	fake_link_close(&post);
}

Test(client_sse, what_ends_reconnecting)
{
	static const char *const table[][2] = {
		{"HTTP/1.1 204 No Content\r\n\r\n",
		 "closed refused: the server answered with HTTP status 204\n"},
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		 "closed refused: the server answered with HTTP status 404\n"},
		{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
		 "closed protocol violation: the server did not answer with an "
		 "event stream\n"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct client *c = open_lasting();

		(void)cut_and_come_back();
		fake_link_say(&stream, "HTTP/1.1 503 Busy\r\n"
				       "Content-Length: 0\r\n\r\n");
		fake_world_expect(&world, "lost refused: the server answered "
					  "with HTTP status 503\n");
		cr_assert_geq(world.wait_ms, 4000, "the second in a row");
		fake_link_close(&stream);
		fake_world_advance(&world, world.wait_ms + 1);
		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		fake_link_say(&stream, table[i][0]);
		fake_world_expect(&world, table[i][1]);
		fake_world_advance(&world, 60000);
		cr_assert(fake_link_ended(&stream));
		client_free(c);
		fake_link_close(&stream);
	}
}

Test(client_sse, raw_streams_come_back_too)
{
	struct client_options o = {.raw = true, .reconnect = true};
	struct client *c = fake_world_client(&world, &client_sse, &o);

	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_say(&stream, HEAD "id: 5\nretry: 700\n\n");
	fake_world_expect(&world, "open\n");
	cr_assert(strstr(cut_and_come_back(), "\r\nLast-Event-ID: 5\r\n"));
	cr_assert_geq(world.wait_ms, 700);
	cr_assert_leq(world.wait_ms, 1050);
	fake_link_say(&stream, HEAD "data: x\n\n");
	fake_world_expect(&world, "open\nobject {\"type\":\"message\",\"data\":"
				  "\"x\",\"lastEventId\":\"5\"}\n");
	client_free(c);
	fake_link_close(&stream);
}

/* Handshake */

#define MOVED(where)                                                           \
	"HTTP/1.1 307 Moved\r\nContent-Type: text/event-stream\r\n"            \
	"Location: " where "\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"

Test(client_sse, a_redirect_is_followed_and_commands_go_there)
{
	struct client *c = open_lasting();
	const char *request;

	fake_link_say(&stream, EVENT(1));
	fake_world_expect(&world, LINE(1));
	(void)cut_and_come_back();
	fake_link_say(&stream, MOVED("../there/sse?all=1#x"));
	cr_assert(fake_link_ended(&stream));
	fake_link_close(&stream);
	fake_link_accept(&stream, &world);
	request = fake_link_request(&stream);
	cr_assert_eq(strncmp(request, "GET /there/sse?all=1 HTTP/1.1\r\n", 31),
		     0, "%s", request);
	cr_assert(strstr(request, "\r\nLast-Event-ID: e-7\r\n"), "%s", request);
	fake_link_drip(&stream, SLICE(HEAD WELCOME_EVENT));
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	client_join(c, SLICE("r"), 0);
	fake_link_accept(&post, &world);
	request = fake_link_request(&post);
	cr_assert_eq(strncmp(request, "POST /there/sse/s3cret HTTP", 27), 0,
		     "%s", request);
	fake_link_close(&post);
	/* Lost: the place that the owner named is asked again. */
	request = cut_and_come_back();
	cr_assert(strstr(request, "GET /sse?room=a&room=r HTTP/1.1\r\n"), "%s",
		  request);
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, redirects_end)
{
	struct client *c = fake_world_client(&world, &client_sse, NULL);

	for (int i = 0; i <= 20; i++) {
		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		if (i % 2)
			fake_link_say(&stream, MOVED("/sse"));
		else
			fake_link_drip(&stream, SLICE("HTTP/1.0 301 x\r\n"
						      "Location: ?a\r\n\r\n"));
		if (i < 20)
			fake_link_close(&stream);
	}
	fake_world_expect(&world, "closed protocol violation: the server "
				  "redirects again and again\n");
	client_free(c);
	fake_link_close(&stream);
}

Test(client_sse, only_http_is_followed)
{
	static const char *const heads[] = {MOVED("https://127.0.0.1/"),
					    MOVED("ws://127.0.0.1/"),
					    MOVED("mailto:x"),
					    MOVED("/a b"),
					    MOVED("http://"),
					    MOVED("//u@h/")};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct client *c = fake_world_client(&world, &client_sse, NULL);

		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		fake_link_say(&stream, heads[i]);
		fake_world_expect(&world,
				  i < 2 ? "closed protocol violation: the "
					  "server redirects to what is not "
					  "http://\n"
					: "closed protocol violation: the "
					  "server redirects to what is no "
					  "http:// URL\n");
		client_free(c);
		fake_link_close(&stream);
	}
}

Test(client_sse, the_type_may_have_parameters_and_any_case)
{
	static const char *const types[] = {
		"text/event-stream", "TEXT/Event-Stream",
		"text/event-stream; charset=latin1", "text/event-stream\t;x"};
	static const char *const others[] = {
		"Content-Type: text/event-streams\r\n",
		"Content-Type: text/event\r\n", "Content-Type: \r\n",
		"X-Content-Type: text/event-stream\r\n"};
	struct client_options o = {.raw = true};
	struct client *c;
	char head[128];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		c = fake_world_client(&world, &client_sse, &o);
		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		(void)snprintf(head, sizeof(head),
			       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n",
			       types[i]);
		fake_link_say(&stream, head);
		fake_world_expect(&world, "open\n");
		client_free(c);
		fake_link_close(&stream);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		c = fake_world_client(&world, &client_sse, &o);
		fake_link_accept(&stream, &world);
		(void)fake_link_request(&stream);
		(void)snprintf(head, sizeof(head),
			       "HTTP/1.1 200 OK\r\n%s\r\ndata: 1\n\n",
			       others[i]);
		fake_link_say(&stream, head);
		fake_world_expect(&world,
				  "closed protocol violation: the server did "
				  "not answer with an event stream\n");
		client_free(c);
		fake_link_close(&stream);
	}
}

Test(client_sse, a_reconnection_time_of_zero_is_one)
{
	struct client_options o = {.raw = true, .reconnect = true};
	struct client *c = fake_world_client(&world, &client_sse, &o);

	fake_link_accept(&stream, &world);
	(void)fake_link_request(&stream);
	fake_link_say(&stream, HEAD "retry: 0\n\n");
	fake_world_expect(&world, "open\n");
	(void)cut_and_come_back();
	cr_assert_leq(world.wait_ms, 1);
	client_free(c);
	fake_link_close(&stream);
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "clients/fake_world.h"

#define OPEN_PACKET                                                            \
	"0{\"sid\":\"AbCdEfGhIjKlMnOpQrSt\",\"upgrades\":[],"                  \
	"\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":%s}"
#define TARGET "/socket.io/?EIO=4&transport=polling&sid=AbCdEfGhIjKlMnOpQrSt"
#define WELCOME "object {\"type\":\"welcome\",\"payload\":{\"sid\":\"i\"}}\n"
#define META "{\"room\":\"r\",\"from\":\"f\",\"seq\":"
#define MESSAGE(seq) "42[\"e\",{\"a\":1.0}," META #seq "}]"
#define LINE(seq) "message r e {\"a\":1.0} f " #seq "\n"
#define RS "\x1e"

static struct fake_world world;
static struct fake_link poll, post;

static void set_up(void)
{
	fake_world_init(&world);
}

static void tear_down(void)
{
	fake_world_release(&world);
}

TestSuite(client_longpoll, .init = set_up, .fini = tear_down);

static void expect_get(struct fake_link *l)
{
	const char *request = fake_link_request(l);

	cr_assert_eq(strncmp(request, "GET " TARGET " HTTP/1.1\r\n",
			     strlen("GET " TARGET " HTTP/1.1\r\n")),
		     0, "%s", request);
}

static void expect_post(struct fake_link *l, const char *body)
{
	const char *request = fake_link_request(l);

	cr_assert_eq(strncmp(request, "POST " TARGET " HTTP/1.1\r\n",
			     strlen("POST " TARGET " HTTP/1.1\r\n")),
		     0, "%s", request);
	cr_assert_str_eq(strstr(request, "\r\n\r\n") + 4, body);
}

static struct client *start(struct fake_link *l, const char *max_payload,
			    const struct client_options *o)
{
	struct client *c = fake_world_client(&world, &client_longpoll, o);
	char packet[256];
	const char *request;

	fake_link_accept(l, &world);
	request = fake_link_request(l);
	cr_assert_eq(strncmp(request,
			     "GET /socket.io/?EIO=4&transport=polling "
			     "HTTP/1.1\r\nHost: 127.0.0.1:",
			     66),
		     0, "%s", request);
	(void)snprintf(packet, sizeof(packet), OPEN_PACKET, max_payload);
	fake_link_answer(l, "200 OK", packet);
	return c;
}

/* A client in the main namespace, with its GET standing. */
static struct client *open_client(struct fake_link *l, const char *max_payload)
{
	struct client *c = start(l, max_payload, NULL);

	expect_post(l, "40");
	fake_link_answer(l, "200 OK", "ok");
	expect_get(l);
	fake_link_answer(l, "200 OK", "40{\"sid\":\"i\"}");
	fake_world_expect(&world, WELCOME "open\n");
	expect_get(l);
	return c;
}

Test(client_longpoll, joins_its_rooms_before_it_is_open)
{
	static const char *const rooms[] = {"a", "b"};
	struct client_options o = {
		.nsp = "/chat", .rooms = rooms, .room_count = 2};
	struct client *c = start(&poll, "1000000", &o);

	expect_post(&poll, "40/chat,");
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", "40/chat,{\"sid\":\"i\"}");
	expect_post(&poll, "42/chat,4503599627370496[\"join\",\"a\"]" RS
			   "42/chat,4503599627370497[\"join\",\"b\"]");
	fake_world_expect(&world, WELCOME);
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK",
			 "43/chat,4503599627370496[{\"room\":\"a\"}]");
	expect_get(&poll);
	fake_world_expect(&world, "");
	fake_link_answer(&poll, "200 OK",
			 "43/chat,4503599627370497[{\"room\":\"b\"}]");
	fake_world_expect(&world, "open\n");
	expect_get(&poll);
	cr_assert(fake_link_quiet(&poll), "one connection is enough");
	client_free(c);
	cr_assert(fake_link_ended(&poll));
	fake_link_close(&poll);
}

Test(client_longpoll, a_refused_room_is_told)
{
	static const char *const rooms[] = {"a"};
	struct client_options o = {.rooms = rooms, .room_count = 1};
	struct client *c = start(&poll, "1000000", &o);

	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "200 OK", "ok");
	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "200 OK", "40{\"sid\":\"i\"}");
	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "200 OK", "ok");
	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "200 OK",
			 "434503599627370496[{\"error\":\"too many\"}]");
	fake_world_expect(&world, WELCOME "closed refused: cannot join room "
					  "\"a\": \"too many\"\n");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, messages_arrive_and_the_next_get_stands)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_answer(&poll, "200 OK", MESSAGE(1) RS MESSAGE(2));
	fake_world_expect(&world, LINE(1) LINE(2));
	cr_assert_neq(world.memo, 0);
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", "6");
	expect_get(&poll);
	fake_world_expect(&world, "");
	fake_link_drip(
		&poll,
		SLICE("HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n" MESSAGE(
			3)));
	fake_world_expect(&world, LINE(3));
	cr_assert_eq(world.memo, 0);
	expect_get(&poll);
	fake_link_say(&poll, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			     "\r\n\r\n14\r\n42[\"e\",{\"a\":1.0},{\"r\r\n"
			     "1d\r\noom\":\"r\",\"from\":\"f\",\"seq\":4}]\r\n"
			     "0\r\n\r\n");
	fake_world_expect(&world, LINE(4));
	cr_assert_eq(world.memo, 0);
	expect_get(&poll);
	cr_assert_eq(c->counts.messages, 4);
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, two_clients_share_the_decoding)
{
	struct fake_link other;
	struct client *a = open_client(&poll, "1000000");
	struct client *b = open_client(&other, "1000000");
	uint64_t memo;

	fake_link_answer(&poll, "200 OK", MESSAGE(1));
	fake_world_expect(&world, LINE(1));
	memo = world.memo;
	cr_assert_neq(memo, 0);
	fake_link_answer(&other, "200 OK", MESSAGE(1));
	fake_world_expect(&world, LINE(1));
	cr_assert_eq(world.memo, memo);
	expect_get(&poll);
	expect_get(&other);
	client_free(a);
	client_free(b);
	fake_link_close(&poll);
	fake_link_close(&other);
}

Test(client_longpoll, other_packets_find_their_way)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_answer(&poll, "200 OK",
			 "42[\"news\",1]" RS "430[{\"x\":1}]" RS
			 "437[{\"seq\":3}]" RS "438[{\"error\":\"no\"}]" RS
			 "42/other,[\"e\",1," META "1}]" RS
			 "42[\"\\u0065\",{\"a\":1.0}," META "9}]");
	fake_world_expect(&world, "object [\"news\",1]\n"
				  "answer 0 ok {\"x\":1}\n"
				  "answer 7 ok {\"seq\":3}\n"
				  "answer 8 failed \"no\"\n" LINE(9));
	cr_assert_eq(world.memo, 0);
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, commands_go_in_one_post_and_wait_for_its_ok)
{
	struct client *c = open_client(&poll, "1000000");

	client_join(c, SLICE("r"), 5);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("[1.0]"), true, 6);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("2"), false, 0);
	fake_link_accept(&post, &world);
	expect_post(&post,
		    "425[\"join\",\"r\"]" RS
		    "426[\"publish\",\"r\",\"e\",[1.0],{\"self\":false}]" RS
		    "42[\"publish\",\"r\",\"e\",2]");
	client_leave(c, SLICE("r"), 0);
	cr_assert(fake_link_quiet(&post));
	fake_link_answer(&post, "200 OK", "ok");
	expect_post(&post, "42[\"leave\",\"r\"]");
	fake_link_answer(&post, "200 OK", "ok");
	fake_world_expect(&world, "");
	cr_assert(fake_link_quiet(&poll), "the GET stands all the while");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&post);
}

Test(client_longpoll, a_body_keeps_within_the_servers_limit)
{
	struct client *c = open_client(&poll, "40");

	for (int i = 0; i < 3; i++)
		client_join(c, SLICE("room"), 0);
	client_join(c, SLICE("a room whose packet is too long by itself"), 0);
	client_join(c, SLICE("room"), 0);
	fake_link_accept(&post, &world);
	expect_post(&post, "42[\"join\",\"room\"]" RS "42[\"join\",\"room\"]");
	fake_link_answer(&post, "200 OK", "ok");
	expect_post(&post, "42[\"join\",\"room\"]");
	fake_link_answer(&post, "200 OK", "ok");
	expect_post(&post, "42[\"join\",\"a room whose packet is too long by "
			   "itself\"]");
	fake_link_answer(&post, "200 OK", "ok");
	expect_post(&post, "42[\"join\",\"room\"]");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&post);
}

Test(client_longpoll, ping_is_answered_over_the_free_connection)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_answer(&poll, "200 OK", "2");
	expect_post(&poll, "3");
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	cr_assert(fake_link_quiet(&poll));
	client_free(c);
	fake_link_close(&poll);
}

/* The pong must not wait until the GET, which would stand, is answered. */
Test(client_longpoll, ping_while_posting_is_answered_after_it)
{
	struct client *c = open_client(&poll, "1000000");

	client_join(c, SLICE("r"), 0);
	fake_link_accept(&post, &world);
	expect_post(&post, "42[\"join\",\"r\"]");
	fake_link_answer(&poll, "200 OK", "2");
	expect_get(&poll);
	fake_link_answer(&post, "200 OK", "ok");
	expect_post(&post, "3");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&post);
}

Test(client_longpoll, an_idle_second_connection_ends)
{
	struct client *c = open_client(&poll, "1000000");

	client_join(c, SLICE("r"), 0);
	fake_link_accept(&post, &world);
	(void)fake_link_request(&post);
	fake_link_answer(&post, "200 OK", "ok");
	fake_world_ticks(&world, 3);
	fake_world_advance(&world, 6000);
	cr_assert(fake_link_ended(&post));
	fake_link_close(&post);
	fake_world_expect(&world, "");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, a_connection_that_closes_after_an_answer_is_replaced)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_say(&poll, "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n"
			     "Connection: close\r\n\r\n" MESSAGE(1));
	fake_world_expect(&world, LINE(1));
	cr_assert(fake_link_ended(&poll));
	fake_link_close(&poll);
	fake_link_accept(&poll, &world);
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", MESSAGE(2));
	fake_world_expect(&world, LINE(2));
	client_free(c);
	fake_link_close(&poll);
}

/* What ends a session, the body of the answer to the standing GET. */
static void ends(const char *status, const char *body, const char *log)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_answer(&poll, status, body);
	fake_world_expect(&world, log);
	cr_assert(fake_link_ended(&poll));
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, the_session_ends_in_many_ways)
{
	ends("200 OK", "1",
	     "closed closed by the peer: closed by the "
	     "server\n");
	ends("200 OK", "41",
	     "closed closed by the peer: the server disconnected us\n");
	ends("200 OK", "42{}",
	     "closed protocol violation: a Socket.IO packet is wrong\n");
	ends("200 OK", "9",
	     "closed protocol violation: an Engine.IO packet is wrong\n");
	ends("200 OK", "0{}",
	     "closed protocol violation: the open packet is wrong\n");
	ends("400 Bad Request",
	     "{\"code\":1,\"message\":\"Session ID unknown\"}",
	     "closed refused: the server answered with HTTP status 400: "
	     "{\"code\":1,\"message\":\"Session ID unknown\"}\n");
}

Test(client_longpoll, a_refused_namespace_is_told)
{
	struct client_options o = {.nsp = "/x"};
	struct client *c = start(&poll, "1000000", &o);

	expect_post(&poll, "40/x,");
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK",
			 "44/x,{\"message\":\"Invalid namespace\"}");
	fake_world_expect(&world, "closed refused: the server refused: "
				  "{\"message\":\"Invalid namespace\"}\n");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, what_is_not_http_is_told)
{
	struct client *c = fake_world_client(&world, &client_longpoll, NULL);

	fake_link_accept(&poll, &world);
	(void)fake_link_request(&poll);
	fake_link_say(&poll, "220 mail.example ESMTP\r\n");
	fake_world_expect(&world, "closed protocol violation: the server does "
				  "not speak HTTP\n");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_longpoll, a_lost_poll_ends_the_session)
{
	struct client *c = open_client(&poll, "1000000");

	fake_link_close(&poll);
	fake_world_expect(&world, "closed closed by the peer: the server "
				  "closed the connection\n");
	client_free(c);
}

Test(client_longpoll, a_client_may_free_itself_in_any_callback)
{
	static const char ended[] =
		"closed closed by the peer: closed by the server";
	const char *const lines[] = {"object [\"news\",1]",
				     "message r e {\"a\":1.0} f 1", ended};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)open_client(&poll, "1000000");
		world.free_at = slice_str(lines[i]);
		fake_link_answer(&poll, "200 OK",
				 "42[\"news\",1]" RS MESSAGE(1) RS "1");
		if (i < 2)
			expect_post(&poll, "41" RS "1");
		cr_assert(fake_link_ended(&poll), "%s", lines[i]);
		fake_link_close(&poll);
		cr_assert(strstr(lines[i], "closed") ||
			  !memmem(world.log.data, world.log.len, "closed", 6));
		fake_world_forget(&world);
		world.free_at = SLICE("");
	}
}

/* The same in what the memo hands out: no GET may follow. */
Test(client_longpoll, a_client_may_free_itself_on_a_known_message)
{
	for (int i = 0; i < 2; i++) {
		(void)open_client(&poll, "1000000");
		world.free_at = SLICE("message r e {\"a\":1.0} f 1");
		fake_link_answer(&poll, "200 OK", MESSAGE(1) RS MESSAGE(2));
		fake_world_expect(&world, LINE(1));
		expect_post(&poll, "41" RS "1");
		cr_assert(fake_link_ended(&poll));
		fake_link_close(&poll);
		world.free_at = SLICE("");
	}
}

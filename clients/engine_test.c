/* SPDX-License-Identifier: MIT */
/* Socket.IO over WebSocket, and over polling until the upgrade. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "clients/fake_world.h"
#include "servers/wire/websocket.h"

#define TEXT 1
#define BINARY 2
#define CLOSE 8
#define SID "AbCdEfGhIjKlMnOpQrSt"
#define OPEN(upgrades)                                                         \
	"0{\"sid\":\"" SID "\",\"upgrades\":[" upgrades "],"                   \
	"\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":1000000}"
#define POLLING "/socket.io/?EIO=4&transport=polling&sid=" SID " "
#define CONNECTED "40{\"sid\":\"i\"}"
#define WELCOME "object {\"type\":\"welcome\",\"payload\":{\"sid\":\"i\"}}\n"
#define MESSAGE(seq)                                                           \
	"42[\"e\",1,{\"room\":\"r\",\"from\":\"f\",\"seq\":" #seq "}]"
#define LINE(seq) "message r e 1 f " #seq "\n"
#define RS "\x1e"

static struct fake_world world;
static struct fake_link poll, post, sock;
static unsigned char mask[4];
static int opcode;

static void set_up(void)
{
	fake_world_init(&world);
}

static void tear_down(void)
{
	fake_world_release(&world);
}

TestSuite(client_engine, .init = set_up, .fini = tear_down);

static void expect_request(struct fake_link *l, const char *start,
			   const char *body)
{
	const char *request = fake_link_request(l);

	cr_assert_eq(strncmp(request, start, strlen(start)), 0, "%s", request);
	cr_assert_str_eq(strstr(request, "\r\n\r\n") + 4, body);
}

static void expect_get(struct fake_link *l)
{
	expect_request(l, "GET " POLLING, "");
}

static void expect_post(struct fake_link *l, const char *body)
{
	expect_request(l, "POST " POLLING, body);
}

static void expect_frame(struct fake_link *l, const char *text)
{
	const char *got = fake_link_take_frame(l, &opcode, mask);

	cr_assert_eq(opcode, TEXT);
	cr_assert_str_eq(got, text);
}

static void close_links(size_t n, struct fake_link *const *links)
{
	for (size_t i = 0; i < n; i++)
		fake_link_close(links[i]);
}

/* The next connection polls until its first GET is answered by `packets`. */
static void connect_polling(const char *packets)
{
	fake_link_accept(&poll, &world);
	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "200 OK", OPEN(""));
	expect_post(&poll, "40");
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", packets);
}

/* WebSocket from the start */

static struct client *start_websocket(const struct client_options *more)
{
	struct client_options o = more ? *more : (struct client_options){0};
	struct client *c;
	const char *request;

	o.transport = CLIENT_WEBSOCKET;
	c = fake_world_client(&world, &client_longpoll, &o);
	fake_link_accept(&sock, &world);
	request = fake_link_request(&sock);
	cr_assert_eq(strncmp(request,
			     "GET /socket.io/?EIO=4&transport=websocket "
			     "HTTP/1.1\r\n",
			     52),
		     0, "%s", request);
	fake_link_switch(&sock, request, "");
	return c;
}

static struct client *open_websocket(const struct client_options *more)
{
	struct client *c = start_websocket(more);

	fake_link_frame(&sock, TEXT, OPEN(""));
	expect_frame(&sock, "40");
	fake_link_frame(&sock, TEXT, CONNECTED);
	fake_world_expect(&world, WELCOME "open\n");
	return c;
}

Test(client_engine, websocket_carries_everything)
{
	struct client *c = open_websocket(NULL);

	client_join(c, SLICE("r"), 5);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("[1.0]"), true, 6);
	expect_frame(&sock, "425[\"join\",\"r\"]");
	expect_frame(&sock,
		     "426[\"publish\",\"r\",\"e\",[1.0],{\"self\":false}]");
	fake_link_frame(&sock, TEXT, "435[{\"room\":\"r\"}]");
	fake_link_frame(&sock, TEXT, MESSAGE(1));
	fake_world_expect(&world, "answer 5 ok {\"room\":\"r\"}\n" LINE(1));
	fake_link_frame(&sock, TEXT, MESSAGE(2));
	fake_world_expect(&world, LINE(2));
	cr_assert_neq(world.memo, 0);
	fake_link_frame(&sock, TEXT, "2");
	expect_frame(&sock, "3");
	client_free(c);
	expect_frame(&sock, "41");
	(void)fake_link_take_frame(&sock, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	cr_assert(fake_link_ended(&sock));
	fake_link_close(&sock);
}

static void add_text(struct buf *b, const char *text)
{
	cr_assert_eq(ws_add_frame(b, WS_TEXT, slice_str(text), false), ERR_OK);
}

Test(client_engine, websocket_bytes_come_one_by_one)
{
	static const char part[] = {'\x82', 2, '\xff', 0};
	struct client *c = start_websocket(NULL);
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	add_text(&b, OPEN(""));
	fake_link_drip(&sock, buf_slice(&b));
	expect_frame(&sock, "40");
	buf_clear(&b);
	add_text(&b, CONNECTED);
	add_text(&b, MESSAGE(1));
	add_text(&b, "451-[\"e\",{\"_placeholder\":true,\"num\":0},"
		     "{\"room\":\"r\",\"seq\":2}]");
	cr_assert_eq(buf_add(&b, part, sizeof(part)), ERR_OK);
	add_text(&b, MESSAGE(3));
	fake_link_drip(&sock, buf_slice(&b));
	fake_world_expect(&world, WELCOME
			  "open\n" LINE(1) "message r e {\"base64\":\"/wA=\"} "
					   " 2\n" LINE(3));
	/* Cut anywhere or not at all, it is the same. */
	buf_consume(&b, strlen(CONNECTED) + 2);
	fake_link_send(&sock, buf_slice(&b));
	fake_world_expect(
		&world,
		LINE(1) "message r e {\"base64\":\"/wA=\"}  2\n" LINE(3));
	buf_release(&b);
	client_free(c);
	fake_link_close(&sock);
}

/* Bytes that others have decoded mean something else to who waits for more. */
Test(client_engine, the_memo_waits_for_attachments)
{
	struct client *c = open_websocket(NULL);

	fake_link_frame(&sock, TEXT, MESSAGE(1));
	fake_world_expect(&world, LINE(1));
	fake_link_frame(&sock, TEXT,
			"451-[\"x\",{\"num\":0,\"_placeholder\":true}]");
	fake_world_expect(&world, "");
	fake_link_frame(&sock, TEXT, MESSAGE(1));
	fake_world_expect(&world, "closed protocol violation: a Socket.IO "
				  "packet is wrong\n");
	cr_assert_str_eq(c->reason, "parse error");
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, a_question_is_answered)
{
	struct client *c = open_websocket(NULL);

	fake_link_frame(&sock, TEXT, "4212[\"ask\",1]");
	fake_world_expect(&world, "object [\"ask\",1]\n");
	expect_frame(&sock, "4312[]");
	fake_link_frame(&sock, TEXT, "427[\"e\",1,{\"room\":\"r\",\"seq\":1}]");
	fake_world_expect(&world, "message r e 1  1\n");
	expect_frame(&sock, "437[]");
	client_answer(c, 9, SLICE("[{\"a\":1.0}]"));
	expect_frame(&sock, "439[{\"a\":1.0}]");
	client_free(c);
	fake_link_close(&sock);
}

/* What ends a session over WebSocket, and how socket.io-client calls it. */
static void ends(const char *text, const char *log, const char *reason)
{
	struct client *c = open_websocket(NULL);

	fake_link_frame(&sock, TEXT, text);
	fake_world_expect(&world, log);
	cr_assert_str_eq(c->reason, reason);
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, a_session_ends_for_a_reason)
{
	struct client *c;

	ends("41", "closed closed by the peer: the server disconnected us\n",
	     "io server disconnect");
	ends("1", "closed closed by the peer: closed by the server\n",
	     "transport close");
	ends("42{}", "closed protocol violation: a Socket.IO packet is wrong\n",
	     "parse error");
	ends("451-[\"x\",{\"_placeholder\":true,\"num\":1}]",
	     "closed protocol violation: a packet's attachments are wrong\n",
	     "parse error");
	ends("x", "closed protocol violation: an Engine.IO packet is wrong\n",
	     "parse error");
	c = open_websocket(NULL);
	fake_link_frame(&sock, BINARY, "x");
	fake_world_expect(&world, "closed protocol violation: bytes that "
				  "belong to no packet\n");
	client_free(c);
	fake_link_close(&sock);
	c = open_websocket(NULL);
	fake_link_frame(&sock, CLOSE,
			"\x03\xe8"
			"bye");
	fake_world_expect(&world, "closed closed by the peer: closed by the "
				  "server: 1000 bye\n");
	cr_assert_str_eq(c->reason, "transport close");
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, pings_that_stop_end_it)
{
	struct client *c = open_websocket(NULL);

	fake_world_advance(&world, 400);
	fake_link_frame(&sock, TEXT, "2");
	expect_frame(&sock, "3");
	fake_world_advance(&world, 400);
	fake_world_expect(&world, "");
	fake_world_advance(&world, 200);
	fake_world_expect(&world,
			  "closed timed out: the server's ping did not come\n");
	cr_assert_str_eq(c->reason, "ping timeout");
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, the_auth_payload_goes_with_connect)
{
	struct client_options o = {.nsp = "/x", .auth = " {\"a\": 1.0} "};
	struct client *c = start_websocket(&o);

	fake_link_frame(&sock, TEXT, OPEN(""));
	expect_frame(&sock, "40/x,{\"a\": 1.0}");
	fake_link_frame(&sock, TEXT, "44/x,{\"message\":\"no\"}");
	fake_world_expect(&world, "closed refused: the server refused: "
				  "{\"message\":\"no\"}\n");
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, a_wrong_start_is_told)
{
	struct client *c = start_websocket(NULL);

	fake_link_frame(&sock, TEXT, "40");
	fake_world_expect(&world, "closed protocol violation: the open packet "
				  "is missing\n");
	client_free(c);
	fake_link_close(&sock);
}

/* Upgrade */

static struct client *start_upgrade(const struct client_options *more)
{
	struct client_options o = more ? *more : (struct client_options){0};
	struct client *c;

	o.transport = CLIENT_UPGRADE;
	c = fake_world_client(&world, &client_longpoll, &o);
	fake_link_accept(&poll, &world);
	(void)fake_link_request(&poll);
	return c;
}

/* ... with its GET standing, and the WebSocket asking. */
static struct client *probe(const struct client_options *more, bool opens)
{
	static const char head[] =
		"GET /socket.io/?EIO=4&transport=websocket&sid=" SID " ";
	struct client *c = start_upgrade(more);
	const char *request;

	fake_link_answer(&poll, "200 OK", OPEN("\"websocket\""));
	expect_post(&poll, "40");
	fake_link_accept(&sock, &world);
	request = fake_link_request(&sock);
	cr_assert_eq(strncmp(request, head, strlen(head)), 0, "%s", request);
	fake_link_switch(&sock, request, "");
	expect_frame(&sock, "2probe");
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", CONNECTED);
	expect_get(&poll);
	fake_world_expect(&world, opens ? WELCOME "open\n" : WELCOME);
	return c;
}

/* Both ways: what is under way ends before `5`, and what waits follows it. */
Test(client_engine, an_upgrade_loses_nothing)
{
	struct client *c = probe(NULL, true);
	struct fake_link *const all[] = {&poll, &post, &sock};

	client_join(c, SLICE("a"), 1);
	fake_link_accept(&post, &world);
	expect_post(&post, "421[\"join\",\"a\"]");
	fake_link_frame(&sock, TEXT, "3probe");
	fake_world_ticks(&world, 5);
	client_join(c, SLICE("b"), 2);
	client_join(c, SLICE("c"), 3);
	cr_assert(fake_link_quiet(&sock), "a GET and a POST are under way");
	fake_link_answer(&poll, "200 OK", MESSAGE(1) RS "2" RS "6");
	fake_world_expect(&world, LINE(1));
	cr_assert(fake_link_quiet(&poll), "no new GET");
	cr_assert(fake_link_quiet(&sock), "the POST is under way");
	fake_link_answer(&post, "200 OK", "ok");
	expect_frame(&sock, "5");
	expect_frame(&sock, "422[\"join\",\"b\"]");
	expect_frame(&sock, "423[\"join\",\"c\"]");
	expect_frame(&sock, "3");
	client_leave(c, SLICE("a"), 0);
	expect_frame(&sock, "42[\"leave\",\"a\"]");
	cr_assert(fake_link_ended(&poll));
	cr_assert(fake_link_ended(&post));
	fake_link_frame(&sock, TEXT, MESSAGE(2));
	fake_world_expect(&world, LINE(2));
	cr_assert_neq(world.memo, 0);
	client_free(c);
	close_links(3, all);
}

/* The known chunk that ends the last GET closes its own connection. */
Test(client_engine, an_upgrade_may_end_on_a_known_answer)
{
	struct client *c = probe(NULL, true);
	struct fake_link *const all[] = {&poll, &sock};

	for (int i = 0; i < 2; i++) {
		fake_link_answer(&poll, "200 OK", MESSAGE(7));
		fake_world_expect(&world, LINE(7));
		expect_get(&poll);
	}
	fake_link_frame(&sock, TEXT, "3probe");
	fake_world_ticks(&world, 5);
	fake_link_answer(&poll, "200 OK", MESSAGE(7));
	fake_world_expect(&world, LINE(7));
	expect_frame(&sock, "5");
	cr_assert(fake_link_ended(&poll));
	client_free(c);
	close_links(2, all);
}

/* Whatever spoils the probe, polling carries on. */
static void spoilt(void (*spoil)(void), bool paused)
{
	struct client *c = probe(NULL, true);

	if (paused) {
		fake_link_frame(&sock, TEXT, "3probe");
		fake_world_ticks(&world, 5);
		client_join(c, SLICE("a"), 0);
		cr_assert(fake_link_quiet(&sock));
	}
	spoil();
	if (paused) {
		fake_link_accept(&post, &world);
		expect_post(&post, "42[\"join\",\"a\"]");
		fake_link_close(&post);
		fake_world_expect(&world, "closed closed by the peer: the "
					  "server closed the connection\n");
	} else {
		fake_link_answer(&poll, "200 OK", MESSAGE(1));
		fake_world_expect(&world, LINE(1));
		expect_get(&poll);
	}
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&sock);
}

static void wrong_answer(void)
{
	fake_link_frame(&sock, TEXT, "3prob");
}

static void close_frame(void)
{
	fake_link_frame(&sock, CLOSE, "\x03\xe8");
}

static void wrong_frame(void)
{
	fake_link_say(&sock, "\xff\xff");
}

Test(client_engine, a_failed_probe_leaves_polling)
{
	for (int paused = 0; paused < 2; paused++) {
		spoilt(wrong_answer, paused);
		spoilt(close_frame, paused);
		spoilt(wrong_frame, paused);
	}
}

Test(client_engine, a_probe_ends_in_time)
{
	struct client *c = probe(NULL, true);

	/* The server's pings go on over polling. */
	for (int i = 0; i < 33; i++) {
		fake_world_advance(&world, 300);
		fake_link_answer(&poll, "200 OK", "2");
		expect_post(&poll, "3");
		fake_link_answer(&poll, "200 OK", "ok");
		expect_get(&poll);
	}
	cr_assert(fake_link_quiet(&sock));
	fake_world_advance(&world, 200);
	(void)fake_link_take_frame(&sock, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	cr_assert(fake_link_ended(&sock));
	fake_world_expect(&world, "");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&sock);
}

Test(client_engine, a_refused_upgrade_leaves_polling)
{
	struct client *c = start_upgrade(NULL);

	fake_link_answer(&poll, "200 OK", OPEN("\"websocket\""));
	expect_post(&poll, "40");
	fake_link_accept(&sock, &world);
	(void)fake_link_request(&sock);
	fake_link_answer(&sock, "503 Service Unavailable", "");
	cr_assert(fake_link_ended(&sock));
	fake_link_answer(&poll, "200 OK", "ok");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK", CONNECTED);
	fake_world_expect(&world, WELCOME "open\n");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&sock);
}

Test(client_engine, a_server_without_upgrade_stays_with_polling)
{
	struct client *c = start_upgrade(NULL);

	fake_link_answer(&poll, "200 OK", OPEN(""));
	expect_post(&poll, "40");
	cr_assert(fake_link_quiet(&poll), "nobody connects");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_engine, a_needed_upgrade_is_waited_for)
{
	struct client_options o = {.must_upgrade = true};
	struct client *c = probe(&o, false);

	fake_link_frame(&sock, TEXT, "3probe");
	fake_world_ticks(&world, 5);
	fake_world_expect(&world, "");
	fake_link_answer(&poll, "200 OK", "6");
	fake_world_expect(&world, "open\n");
	expect_frame(&sock, "5");
	client_free(c);
	fake_link_close(&poll);
	fake_link_close(&sock);
	c = probe(&o, false);
	fake_link_close(&sock);
	fake_world_expect(&world, "closed refused: the upgrade failed: the "
				  "connection was lost\n");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_engine, a_client_may_free_itself_at_the_seam)
{
	struct client_options o = {.must_upgrade = true};

	world.free_at = SLICE("open");
	(void)probe(&o, false);
	fake_link_frame(&sock, TEXT, "3probe");
	fake_world_ticks(&world, 5);
	fake_link_answer(&poll, "200 OK", "6");
	fake_world_expect(&world, "open\n");
	expect_frame(&sock, "5");
	expect_frame(&sock, "41");
	fake_link_close(&poll);
	fake_link_close(&sock);
	world.free_at = SLICE("object [\"x\"]");
	(void)probe(NULL, true);
	fake_link_frame(&sock, TEXT, "3probe");
	fake_world_ticks(&world, 5);
	fake_link_answer(&poll, "200 OK", "42[\"x\"]" RS MESSAGE(1));
	fake_world_expect(&world, "object [\"x\"]\n");
	expect_post(&poll, "41" RS "1");
	cr_assert(fake_link_ended(&poll));
	fake_link_close(&poll);
	fake_link_close(&sock);
}

/* Without a standing GET whose end would tell it, a POST does. */
Test(client_engine, leaving_is_told_over_polling)
{
	struct client *c = fake_world_client(&world, &client_longpoll, NULL);

	connect_polling(CONNECTED RS "2");
	fake_world_expect(&world, WELCOME "open\n");
	expect_post(&poll, "3");
	client_free(c);
	expect_post(&poll, "41" RS "1");
	cr_assert(fake_link_ended(&poll));
	fake_link_close(&poll);
}

/* Recovery */

#define EVENT(seq, offset)                                                     \
	"42[\"e\",1,{\"room\":\"r\",\"from\":\"f\",\"seq\":" #seq              \
	"},\"" offset "\"]"

static const char *const one_room[] = {"a"};

static struct client *open_lasting(void)
{
	struct client_options o = {.reconnect = true,
				   .rooms = one_room,
				   .room_count = 1,
				   .auth = "{\"k\":1}"};
	struct client *c = start_websocket(&o);

	fake_link_frame(&sock, TEXT, OPEN(""));
	expect_frame(&sock, "40{\"k\":1}");
	fake_link_frame(&sock, TEXT, "40{\"sid\":\"i\",\"pid\":\"p\"}");
	expect_frame(&sock, "424503599627370496[\"join\",\"a\"]");
	fake_link_frame(&sock, TEXT, "434503599627370496[{\"room\":\"a\"}]");
	fake_world_expect(&world, "object {\"type\":\"welcome\",\"payload\":"
				  "{\"sid\":\"i\",\"pid\":\"p\"}}\nopen\n");
	return c;
}

static void come_back(const char *connect)
{
	const char *request;

	fake_link_close(&sock);
	fake_world_expect(&world,
			  "lost closed by the peer: the connection was lost\n");
	cr_assert_geq(world.wait_ms, 500);
	cr_assert_leq(world.wait_ms, 750);
	fake_world_advance(&world, world.wait_ms + 1);
	fake_link_accept(&sock, &world);
	request = fake_link_request(&sock);
	fake_link_switch(&sock, request, "");
	fake_link_frame(&sock, TEXT, OPEN(""));
	expect_frame(&sock, connect);
}

static void answer_connect(const char *answer, const char *log)
{
	fake_link_frame(&sock, TEXT, answer);
	expect_frame(&sock, "424503599627370496[\"join\",\"a\"]");
	fake_link_frame(&sock, TEXT, "434503599627370496[{\"room\":\"a\"}]");
	fake_world_expect(&world, log);
}

Test(client_engine, a_lost_session_is_recovered)
{
	struct client *c = open_lasting();

	fake_link_frame(&sock, TEXT, EVENT(1, "o-1"));
	fake_link_frame(&sock, TEXT, "42[\"news\",\"o-2\"]");
	fake_world_expect(&world, LINE(1) "object [\"news\",\"o-2\"]\n");
	come_back("40{\"pid\":\"p\",\"offset\":\"o-2\",\"k\":1}");
	answer_connect("40{\"sid\":\"i\",\"pid\":\"p\"}",
		       "object {\"type\":\"welcome\",\"recovered\":true,"
		       "\"payload\":{\"sid\":\"i\",\"pid\":\"p\"}}\nopen\n");
	cr_assert(c->recovered);
	fake_link_frame(&sock, TEXT, EVENT(2, "o-3"));
	fake_world_expect(&world, LINE(2));
	come_back("40{\"pid\":\"p\",\"offset\":\"o-3\",\"k\":1}");
	answer_connect("40{\"sid\":\"j\",\"pid\":\"q\"}",
		       "object {\"type\":\"welcome\",\"recovered\":false,"
		       "\"payload\":{\"sid\":\"j\",\"pid\":\"q\"}}\nopen\n");
	cr_assert_not(c->recovered);
	come_back("40{\"k\":1}");
	client_free(c);
	fake_link_close(&sock);
}

/* An event that asks for an answer has no offset: its last string is data. */
Test(client_engine, only_what_is_an_offset_is_one)
{
	struct client *c = open_lasting();

	fake_link_frame(&sock, TEXT, EVENT(1, "o-1"));
	fake_link_frame(&sock, TEXT, "423[\"ask\",\"data\"]");
	expect_frame(&sock, "433[]");
	fake_link_frame(&sock, TEXT, "42[\"alone\"]");
	fake_link_frame(&sock, TEXT, MESSAGE(2));
	fake_world_expect(&world, LINE(1) "object [\"ask\",\"data\"]\n"
					  "object [\"alone\"]\n" LINE(2));
	come_back("40{\"pid\":\"p\",\"offset\":\"o-1\",\"k\":1}");
	client_free(c);
	fake_link_close(&sock);
}

Test(client_engine, polling_comes_back_and_joins_again)
{
	struct client_options o = {.reconnect = true};
	struct client *c = fake_world_client(&world, &client_longpoll, &o);

	for (int i = 0; i < 2; i++) {
		connect_polling(CONNECTED);
		if (i == 0)
			fake_world_expect(&world, WELCOME "open\n");
		else
			fake_world_expect(&world,
					  "object {\"type\":\"welcome\","
					  "\"recovered\":false,\"payload\":"
					  "{\"sid\":\"i\"}}\nopen\n");
		expect_get(&poll);
		fake_link_answer(&poll, "400 Bad Request", "unknown");
		fake_world_expect(&world, "lost refused: the server answered "
					  "with HTTP status 400: unknown\n");
		cr_assert_str_eq(c->reason, "transport error");
		fake_link_close(&poll);
		fake_world_advance(&world, world.wait_ms + 1);
	}
	fake_link_accept(&poll, &world);
	(void)fake_link_request(&poll);
	fake_link_answer(&poll, "403 Forbidden", "no");
	fake_world_expect(&world, "closed refused: the server answered with "
				  "HTTP status 403: no\n");
	client_free(c);
	fake_link_close(&poll);
}

Test(client_engine, polling_puts_attachments_together)
{
	struct client *c = fake_world_client(&world, &client_longpoll, NULL);

	connect_polling(CONNECTED);
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK",
			 "452-[\"x\",[{\"_placeholder\":true,\"num\":1}],"
			 "{\"_placeholder\":true,\"num\":0}]" RS "bAQI=" RS
			 "bAw==" RS "461-5[{\"_placeholder\":true,\"num\":0}]");
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK",
			 "b" RS "451-/y,[\"x\",{\"_placeholder\":true,"
			 "\"num\":0}]" RS "bAQI=" RS MESSAGE(1));
	fake_world_expect(&world,
			  WELCOME "open\nobject [\"x\",[{\"base64\":\"Aw==\"}],"
				  "{\"base64\":\"AQI=\"}]\n"
				  "answer 5 ok {\"base64\":\"\"}\n" LINE(1));
	expect_get(&poll);
	fake_link_answer(&poll, "200 OK",
			 "451-[\"x\",{\"_placeholder\":true,\"num\":0}]" RS
			 "b?");
	fake_world_expect(&world, "closed protocol violation: a binary packet "
				  "is not base64\n");
	client_free(c);
	fake_link_close(&poll);
}

/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>

#include "clients/fake_world.h"
#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"

#define TEXT 1
#define BINARY 2
#define CLOSE 8
#define PING 9
#define PONG 10

#define WELCOME                                                                \
	"{\"type\":\"welcome\",\"payload\":{\"total\":1,\"sid\":\"s\","        \
	"\"id\":\"i\",\"epoch\":\"e\",\"position\":0}}"
#define MESSAGE(seq)                                                            \
	"{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\",\"data\":{\"a\":" \
	" 1.0},\"from\":\"f\",\"seq\":" #seq ",\"position\":7}"

static struct fake_world world;
static struct fake_link peer;
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

TestSuite(client_ws, .init = set_up, .fini = tear_down);

/* Accepts and answers the handshake. */
static void shake_hands(struct fake_link *l)
{
	const char *request;

	fake_link_accept(l, &world);
	request = fake_link_request(l);
	fake_link_switch(l, request, "");
}

static struct client *open_client(struct fake_link *l)
{
	struct client *c = fake_world_client(&world, &client_ws, NULL);

	shake_hands(l);
	fake_link_frame(l, TEXT, WELCOME);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	return c;
}

Test(client_ws, something_else_than_a_welcome_ends_it)
{
	static const struct {
		int opcode;
		const char *said, *why;
	} cases[] = {
		{TEXT, "hello", "Invalid JSON"},
		{TEXT, "[1]", "expected a JSON object"},
		{BINARY, "bytes", "bytes"},
	};
	char expected[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client *c = fake_world_client(&world, &client_ws, NULL);

		shake_hands(&peer);
		fake_link_frame(&peer, cases[i].opcode, cases[i].said);
		(void)snprintf(expected, sizeof(expected),
			       "closed protocol violation: something else than "
			       "a welcome came: %s\n",
			       cases[i].why);
		fake_world_expect(&world, expected);
		client_free(c);
		fake_link_close(&peer);
	}
}

Test(client_ws, the_request_is_a_handshake_with_rooms)
{
	static const char *const rooms[] = {"a&b", "\xc3\xa9"};
	struct client_options o = {
		.nsp = "/chat", .rooms = rooms, .room_count = 2};
	struct client *c = fake_world_client(&world, &client_ws, &o);
	const char *request;

	fake_link_accept(&peer, &world);
	request = fake_link_request(&peer);
	cr_assert_eq(strncmp(request,
			     "GET /ws?nsp=%2Fchat&room=a%26b&room=%C3%A9 "
			     "HTTP/1.1\r\nHost: 127.0.0.1:",
			     66),
		     0, "%s", request);
	cr_assert(strstr(request, "\r\nUpgrade: websocket\r\n"));
	cr_assert(strstr(request, "\r\nConnection: Upgrade\r\n"));
	cr_assert(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
	client_free(c);
	cr_assert(fake_link_ended(&peer));
	fake_link_close(&peer);
}

Test(client_ws, a_path_of_its_own_keeps_its_query)
{
	static const char *const rooms[] = {"r"};
	struct client_options o = {
		.path = "/x?token=t", .rooms = rooms, .room_count = 1};
	struct client *c = fake_world_client(&world, &client_ws, &o);
	const char *request;

	fake_link_accept(&peer, &world);
	request = fake_link_request(&peer);
	cr_assert_eq(strncmp(request, "GET /x?token=t&room=r HTTP/1.1\r\n", 32),
		     0, "%s", request);
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, messages_arrive_whole_and_byte_by_byte)
{
	struct client *c = open_client(&peer);
	struct buf b;

	fake_link_frame(&peer, TEXT, MESSAGE(1));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
	cr_assert_neq(world.memo, 0);
	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE(MESSAGE(2)), false),
		     ERR_OK);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE(MESSAGE(3)), false),
		     ERR_OK);
	fake_link_drip(&peer, buf_slice(&b));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 2\n"
				  "message r e {\"a\": 1.0} f 3\n");
	cr_assert_eq(world.memo, 0);
	fake_link_send(&peer, buf_slice(&b));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 2\n"
				  "message r e {\"a\": 1.0} f 3\n");
	cr_assert_neq(world.memo, 0);
	cr_assert_eq(c->counts.messages, 5);
	buf_release(&b);
	client_free(c);
	fake_link_close(&peer);
}

/* A cut frame leaves the client unable to use what others decoded. */
Test(client_ws, equal_bytes_mean_something_else_within_a_frame)
{
	struct client *c = open_client(&peer);
	static const char inner[] = "\x81\x02{}";
	const char head[] = {'\x81', 6, '"', 'a'};

	fake_link_frame(&peer, TEXT, MESSAGE(1));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
	fake_link_send(&peer, slice_of(head, sizeof(head)));
	fake_world_ticks(&world, 3);
	fake_link_send(&peer, slice_of("bcd\"", 4));
	fake_world_expect(&world, "object \"abcd\"\n");
	fake_link_send(&peer, slice_of(inner, 4));
	fake_world_expect(&world, "object {}\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, two_clients_share_the_decoding)
{
	struct fake_link other;
	struct client *a = open_client(&peer);
	struct client *b = open_client(&other);
	uint64_t memo;

	fake_link_frame(&peer, TEXT, MESSAGE(1));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
	memo = world.memo;
	fake_link_frame(&other, TEXT, MESSAGE(1));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
	cr_assert_neq(memo, 0);
	cr_assert_eq(memo, world.memo);
	fake_link_frame(&other, TEXT, MESSAGE(2));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 2\n");
	cr_assert_neq(memo, world.memo);
	client_free(a);
	client_free(b);
	fake_link_close(&peer);
	fake_link_close(&other);
}

Test(client_ws, escaped_names_are_unescaped_and_not_remembered)
{
	struct client *c = open_client(&peer);

	fake_link_frame(&peer, TEXT,
			"{\"type\":\"message\",\"room\":\"r\\u0041\","
			"\"event\":\"\\u0042e\",\"data\":\"\\u0043\","
			"\"seq\":1}");
	fake_world_expect(&world, "message rA Be \"\\u0043\"  1\n");
	cr_assert_eq(world.memo, 0);
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, commands_leave_masked_in_one_write)
{
	struct client *c = open_client(&peer);
	unsigned char first[4];
	const char *text;

	client_join(c, SLICE("r"), 5);
	client_publish(c, SLICE("r"), SLICE("e"), SLICE("[1]"), true, 6);
	client_leave(c, SLICE("r"), 0);
	text = fake_link_take_frame(&peer, &opcode, first);
	cr_assert_eq(opcode, TEXT);
	cr_assert_str_eq(text, "{\"type\":\"join\",\"room\":\"r\",\"id\":5}");
	cr_assert(peer.in.len > 0, "the others came with it");
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_str_eq(text, "{\"type\":\"publish\",\"room\":\"r\","
			       "\"event\":\"e\",\"data\":[1],\"self\":false,"
			       "\"id\":6}");
	cr_assert_neq(memcmp(first, mask, 4), 0);
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_str_eq(text, "{\"type\":\"leave\",\"room\":\"r\"}");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, a_large_publish_goes_in_chunks)
{
	static const char *const pieces[] = {
		"{\\\"type\\\":\\\"publish\\\",\\\"room\\\":\\\"r\\\","
		"\\\"data\\\":\\\"-",
		"\u00e9--\\\",\\\"self\\\":false,\\\"id\\\":6}",
	};
	/* The 39th byte is the first of the character's two. */
	const struct client_options o = {.chunk = 39};
	struct client *c = fake_world_client(&world, &client_ws, &o);

	shake_hands(&peer);
	fake_link_frame(&peer, TEXT, WELCOME);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	client_publish(c, SLICE("r"), SLICE(""), SLICE("\"-\u00e9--\""), true,
		       6);
	for (unsigned i = 0; i < 2; i++) {
		char want[160];

		(void)snprintf(want, sizeof(want),
			       "{\"type\":\"chunk\",\"id\":6,\"chunk\":%u,"
			       "\"total\":2,\"data\":\"%s\"}",
			       i, pieces[i]);
		cr_assert_str_eq(fake_link_take_frame(&peer, &opcode, mask),
				 want);
		cr_assert_eq(opcode, TEXT);
	}
	/* Other commands are no payload. */
	client_leave(c, SLICE("a long name of a room"), 0);
	cr_assert_str_eq(fake_link_take_frame(&peer, &opcode, mask),
			 "{\"type\":\"leave\","
			 "\"room\":\"a long name of a room\"}");
	/* An error without a command of ours is for people. */
	fake_link_frame(&peer, TEXT,
			"{\"type\":\"error\",\"id\":0,\"payload\":\"no\"}");
	fake_world_expect(
		&world,
		"object {\"type\":\"error\",\"id\":0,\"payload\":\"no\"}\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, answers_find_their_command)
{
	struct client *c = open_client(&peer);

	fake_link_frame(&peer, TEXT,
			"{\"type\":\"ack\",\"id\":6,\"data\":{\"seq\":1}}");
	fake_link_frame(&peer, TEXT,
			"{\"type\":\"error\",\"id\":5,\"payload\":\"no\"}");
	fake_link_frame(&peer, TEXT,
			"{\"type\":\"error\",\"payload\":\"Invalid JSON\"}");
	fake_link_frame(&peer, TEXT,
			"{\"type\":\"gap\",\"room\":\"r\",\"from\":1,"
			"\"to\":2}");
	fake_link_frame(&peer, TEXT, "not JSON");
	fake_link_frame(&peer, BINARY, "bytes");
	fake_world_expect(
		&world,
		"answer 6 ok {\"seq\":1}\n"
		"answer 5 failed \"no\"\n"
		"object {\"type\":\"error\",\"payload\":\"Invalid JSON\"}\n"
		"object {\"type\":\"gap\",\"room\":\"r\",\"from\":1,"
		"\"to\":2}\n"
		"object \"not JSON\"\n"
		"object {\"type\":\"binary\",\"base64\":\"Ynl0ZXM=\"}\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, ping_is_answered_by_pong)
{
	struct client *c = open_client(&peer);
	const char *text;

	fake_link_frame(&peer, PING, "are you there");
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, PONG);
	cr_assert_str_eq(text, "are you there");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, the_servers_close_is_answered)
{
	struct client *c = open_client(&peer);
	const char *text;

	fake_link_frame(&peer, CLOSE, "\x03\xe9going");
	fake_world_expect(&world, "closed closed by the peer: closed by the "
				  "server: 1001 going\n");
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	cr_assert_str_eq(text, "\x03\xe9");
	cr_assert(fake_link_ended(&peer));
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, freeing_says_goodbye)
{
	struct client *c = open_client(&peer);
	const char *text;

	client_free(c);
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	cr_assert_str_eq(text, "\x03\xe8");
	cr_assert(fake_link_ended(&peer));
	fake_link_close(&peer);
}

Test(client_ws, a_wrong_frame_is_told_to_the_server)
{
	struct client *c = open_client(&peer);
	const char *text;

	fake_link_send(&peer, slice_of("\x81\x80mask", 6));
	text = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	cr_assert_eq(strncmp(text, "\x03\xea", 2), 0);
	fake_world_ticks(&world, 2);
	cr_assert_eq(strncmp(world.log.data, "closed protocol violation: ", 27),
		     0);
	client_free(c);
	fake_link_close(&peer);
}

/* Guards against losing the end of a stream that comes with its last bytes. */
Test(client_ws, the_end_right_after_bytes_is_seen)
{
	struct client *c = open_client(&peer);

	fake_link_frame(&peer, TEXT, "{}");
	fake_link_close(&peer);
	fake_world_expect(&world, "object {}\nclosed closed by the peer: the "
				  "connection was lost\n");
	client_free(c);
}

Test(client_ws, a_refusal_tells_the_status)
{
	struct client *c = fake_world_client(&world, &client_ws, NULL);

	fake_link_accept(&peer, &world);
	(void)fake_link_request(&peer);
	fake_link_answer(&peer, "503 Service Unavailable", "full");
	fake_world_expect(&world, "closed refused: the server answered with "
				  "HTTP status 503\n");
	client_free(c);
	fake_link_close(&peer);
}

/* A 101 with these headers, and the key of `request` (NULL: of the one that
 * came). */
static void expect_refused(const char *request, const char *headers,
			   const char *closed)
{
	struct client *c = fake_world_client(&world, &client_ws, NULL);
	const char *own;

	fake_link_accept(&peer, &world);
	own = fake_link_request(&peer);
	fake_link_switch(&peer, request ? request : own, headers);
	fake_world_expect(&world, closed);
	client_free(c);
	fake_link_close(&peer);
}

#define NOT_OFFERED                                                            \
	"closed protocol violation: the server agreed to extensions that "     \
	"nobody offered\n"

Test(client_ws, a_wrong_accept_key_is_refused)
{
	expect_refused("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "",
		       "closed protocol violation: Sec-WebSocket-Accept does "
		       "not fit the key\n");
}

Test(client_ws, an_extension_nobody_offered_is_refused)
{
	expect_refused(NULL, "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		       NOT_OFFERED);
}

/* One header twice is one list, of which each part counts. */
Test(client_ws, extensions_in_two_headers_are_one_list)
{
	expect_refused(NULL,
		       "Sec-WebSocket-Extensions:\r\n"
		       "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		       NOT_OFFERED);
}

Test(client_ws, a_handshake_in_drops_with_frames_behind_it)
{
	struct client *c = fake_world_client(&world, &client_ws, NULL);
	char accept[WS_ACCEPT_CHARS + 1];
	struct buf b;
	const char *key;

	fake_link_accept(&peer, &world);
	key = strstr(fake_link_request(&peer), "Sec-WebSocket-Key: ");
	ws_accept(slice_of(key + 19, WS_KEY_CHARS), accept);
	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(buf_printf(&b,
				"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\n"
				"Sec-WebSocket-Accept: %s\r\n\r\n",
				accept),
		     ERR_OK);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE(WELCOME), false), ERR_OK);
	fake_link_drip(&peer, buf_slice(&b));
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	client_free(c);
	fake_link_close(&peer);
	buf_release(&b);
}

Test(client_ws, silence_ends_at_the_deadline)
{
	struct client *c = fake_world_client(&world, &client_ws, NULL);

	fake_link_accept(&peer, &world);
	fake_world_advance(&world, 29000);
	fake_world_expect(&world, "");
	fake_world_advance(&world, 2000);
	fake_world_expect(&world, "closed timed out: the server did not answer "
				  "in time\n");
	client_free(c);
	fake_link_close(&peer);
}

static void add(struct buf *b, int op, const char *payload)
{
	cr_assert_eq(
		ws_add_frame(b, (enum ws_opcode)op, slice_str(payload), false),
		ERR_OK);
}

/* All frames come in one read: those behind must not be handed out. */
Test(client_ws, a_client_may_free_itself_in_any_callback)
{
	static const char *const lines[] = {
		"object " WELCOME, "open", "message r e {\"a\": 1.0} f 1",
		"object \"abc\"",
		"closed closed by the peer: closed by the server: 1000 "};
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	add(&b, TEXT, WELCOME);
	add(&b, TEXT, MESSAGE(1));
	add(&b, TEXT, "\"abc\"");
	add(&b, CLOSE, "\x03\xe8");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *last;

		world.free_at = slice_str(lines[i]);
		(void)fake_world_client(&world, &client_ws, NULL);
		shake_hands(&peer);
		fake_world_ticks(&world, 3);
		fake_link_send(&peer, buf_slice(&b));
		(void)fake_link_take_frame(&peer, &opcode, mask);
		cr_assert_eq(opcode, CLOSE, "%s", lines[i]);
		cr_assert(fake_link_ended(&peer), "%s", lines[i]);
		fake_link_close(&peer);
		fake_world_ticks(&world, 2);
		last = world.log.data + world.log.len - strlen(lines[i]) - 1;
		cr_assert_eq(strncmp(last, lines[i], strlen(lines[i])), 0);
		fake_world_forget(&world);
	}
	buf_release(&b);
}

/* The same when the memo, and not the receiver, hands messages out. */
Test(client_ws, a_client_may_free_itself_between_known_messages)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	add(&b, TEXT, MESSAGE(1));
	add(&b, TEXT, MESSAGE(2));
	for (int i = 0; i < 2; i++) {
		(void)open_client(&peer);
		world.free_at = SLICE("message r e {\"a\": 1.0} f 1");
		fake_link_send(&peer, buf_slice(&b));
		fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
		cr_assert_neq(world.memo, 0);
		fake_link_close(&peer);
		world.free_at = SLICE("");
	}
	buf_release(&b);
}

/* permessage-deflate */

static struct client *offer_deflate(const char *answer)
{
	struct client_options o = {.deflate = true};
	struct client *c = fake_world_client(&world, &client_ws, &o);
	const char *request;

	fake_link_accept(&peer, &world);
	request = fake_link_request(&peer);
	cr_assert(strstr(request, "\r\nSec-WebSocket-Extensions: "
				  "permessage-deflate\r\n"),
		  "%s", request);
	fake_link_switch(&peer, request, answer);
	return c;
}

static void send_deflated(const char *text)
{
	struct deflater *d = deflater_new(1);
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(
		deflater_add_frame(d, 15, &b, WS_TEXT, slice_str(text), false),
		ERR_OK);
	cr_assert_eq((uint8_t)b.data[0], 0xc1);
	fake_link_send(&peer, buf_slice(&b));
	fake_link_drip(&peer, buf_slice(&b));
	buf_release(&b);
	deflater_free(d);
}

Test(client_ws, compressed_messages_arrive)
{
	struct client *c =
		offer_deflate("Sec-WebSocket-Extensions: permessage-deflate; "
			      "server_no_context_takeover\r\n");

	fake_link_frame(&peer, TEXT, WELCOME);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	send_deflated(MESSAGE(1));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n"
				  "message r e {\"a\": 1.0} f 1\n");
	fake_link_frame(&peer, TEXT, MESSAGE(2));
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 2\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, a_declined_offer_is_no_failure)
{
	struct client *c = offer_deflate("");

	fake_link_frame(&peer, TEXT, WELCOME);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	fake_link_send(&peer, SLICE("\xc1\x01x"));
	(void)fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, CLOSE);
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, an_answer_that_fits_no_offer_is_refused)
{
	static const char *const answers[] = {
		"Sec-WebSocket-Extensions: permessage-bzip2\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate; x\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate; "
		"client_max_window_bits=10\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate, "
		"permessage-deflate\r\n",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct client *c = offer_deflate(answers[i]);

		fake_world_expect(&world, "closed protocol violation: the "
					  "server agreed to extensions that "
					  "nobody offered\n");
		client_free(c);
		fake_link_close(&peer);
	}
}

/* Reconnect */

#define WELCOME_AT(epoch, position)                                            \
	"{\"type\":\"welcome\",\"payload\":{\"total\":1,\"sid\":\"s\","        \
	"\"id\":\"i\",\"epoch\":\"" epoch "\",\"position\":" position "}}"

static const char *const one_room[] = {"a"};

static struct client *open_lasting(void)
{
	struct client_options o = {
		.reconnect = true, .rooms = one_room, .room_count = 1};
	struct client *c = fake_world_client(&world, &client_ws, &o);
	const char *request;

	fake_link_accept(&peer, &world);
	request = fake_link_request(&peer);
	cr_assert(strstr(request, "GET /ws?room=a HTTP/1.1\r\n"));
	fake_link_switch(&peer, request, "");
	fake_link_frame(&peer, TEXT, WELCOME_AT("e1", "3"));
	fake_world_expect(&world, "object " WELCOME_AT("e1", "3") "\nopen\n");
	return c;
}

/* The link is cut, and comes back as far as the handshake. */
static void cut_and_come_back(void)
{
	const char *request;

	fake_link_close(&peer);
	fake_world_expect(&world,
			  "lost closed by the peer: the connection was lost\n");
	fake_world_advance(&world, world.wait_ms + 1);
	fake_link_accept(&peer, &world);
	request = fake_link_request(&peer);
	cr_assert(strstr(request, "GET /ws HTTP/1.1\r\n"), "%s", request);
	fake_link_switch(&peer, request, "");
}

#define RESUME(epoch, position, rooms)                                         \
	"{\"type\":\"resume\",\"epoch\":\"" epoch "\",\"position\":" position  \
	",\"rooms\":[" rooms "],\"id\":4503599627370496}"
#define RESUMED                                                                \
	"{\"type\":\"ack\",\"id\":4503599627370496,\"data\":{\"resumed\":true}}"

static void expect_resume(const char *text)
{
	const char *got;

	got = fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, TEXT);
	cr_assert_str_eq(got, text);
}

Test(client_ws, a_lost_connection_is_resumed_where_it_stood)
{
	struct client *c = open_lasting();

	client_join(c, SLICE("b"), 0);
	client_join(c, SLICE("c"), 0);
	client_leave(c, SLICE("c"), 0);
	fake_link_frame(&peer, TEXT, MESSAGE(1)); /* position 7 */
	for (int i = 0; i < 3; i++)
		(void)fake_link_take_frame(&peer, &opcode, mask);
	fake_world_expect(&world, "message r e {\"a\": 1.0} f 1\n");
	cut_and_come_back();
	cr_assert_geq(world.wait_ms, 500);
	cr_assert_leq(world.wait_ms, 750);
	client_publish(c, SLICE("a"), SLICE("e"), SLICE("1"), false, 0);
	fake_link_frame(&peer, TEXT, WELCOME_AT("e1", "9"));
	expect_resume(RESUME("e1", "7", "\"a\",\"b\""));
	fake_link_frame(&peer, TEXT, MESSAGE(2));
	fake_link_frame(&peer, TEXT, RESUMED);
	fake_world_expect(
		&world,
		"object " WELCOME_AT(
			"e1", "9") "\n"
				   "message r e {\"a\": 1.0} f 2\nopen\n");
	client_free(c);
	fake_link_close(&peer);
}

/* The old place counts until the server has said what became of it. */
Test(client_ws, a_new_node_is_asked_with_the_old_place)
{
	struct client *c = open_lasting();

	cut_and_come_back();
	fake_link_frame(&peer, TEXT, WELCOME_AT("e2", "1"));
	expect_resume(RESUME("e1", "3", "\"a\""));
	fake_world_forget(&world);
	cut_and_come_back();
	fake_link_frame(&peer, TEXT, WELCOME_AT("e2", "1"));
	expect_resume(RESUME("e1", "3", "\"a\""));
	fake_link_frame(&peer, TEXT, RESUMED);
	fake_link_frame(&peer, TEXT, MESSAGE(1));
	fake_world_expect(&world,
			  "object " WELCOME_AT(
				  "e2", "1") "\nopen\n"
					     "message r e {\"a\": 1.0} f 1\n");
	cut_and_come_back();
	fake_link_frame(&peer, TEXT, WELCOME_AT("e2", "9"));
	expect_resume(RESUME("e2", "7", "\"a\""));
	client_free(c);
	fake_link_close(&peer);
}

#define NOT_RESUMED                                                            \
	"{\"type\":\"error\",\"id\":4503599627370496,\"payload\":\"no\"}"

Test(client_ws, a_replay_that_is_refused_is_renounced)
{
	struct client *c = open_lasting();

	cut_and_come_back();
	fake_link_frame(&peer, TEXT, WELCOME_AT("e1", "9"));
	expect_resume(RESUME("e1", "3", "\"a\""));
	fake_link_frame(&peer, TEXT, NOT_RESUMED);
	expect_resume(RESUME("-", "0", "\"a\""));
	fake_link_frame(&peer, TEXT, NOT_RESUMED);
	fake_world_expect(
		&world,
		"object " WELCOME_AT(
			"e1", "9") "\n"
				   "closed refused: the server refuses to "
				   "resume\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, waits_double_up_to_half_a_minute)
{
	struct client *c = open_lasting();
	uint64_t least = 500;

	fake_link_close(&peer);
	for (int i = 0; i < 9; i++) {
		fake_world_expect(&world, "lost closed by the peer: the "
					  "connection was lost\n");
		cr_assert_geq(world.wait_ms, least);
		cr_assert_leq(world.wait_ms, least + least / 2);
		least = least * 2 < 30000 ? least * 2 : 30000;
		fake_world_advance(&world, world.wait_ms - 100);
		cr_assert_lt(accept(world.listen_fd, NULL, NULL), 0);
		fake_world_advance(&world, 101);
		fake_link_accept(&peer, &world);
		(void)fake_link_request(&peer);
		fake_link_close(&peer);
	}
	client_free(c);
}

Test(client_ws, what_a_server_says_for_good_ends_it)
{
	struct client *c = open_lasting();

	fake_link_frame(&peer, CLOSE, "\x03\xe8");
	fake_world_expect(&world, "closed closed by the peer: closed by the "
				  "server: 1000 \n");
	client_free(c);
	fake_link_close(&peer);
	c = open_lasting();
	fake_link_frame(&peer, CLOSE, "\x03\xf4");
	fake_world_expect(&world, "lost closed by the peer: closed by the "
				  "server: 1012 \n");
	fake_link_close(&peer);
	fake_world_advance(&world, world.wait_ms + 1);
	fake_link_accept(&peer, &world);
	(void)fake_link_request(&peer);
	fake_link_answer(&peer, "503 Service Unavailable", "");
	fake_world_expect(&world, "lost refused: the server answered with HTTP "
				  "status 503\n");
	fake_link_close(&peer);
	fake_world_advance(&world, world.wait_ms + 1);
	fake_link_accept(&peer, &world);
	(void)fake_link_request(&peer);
	fake_link_answer(&peer, "404 Not Found", "");
	fake_world_expect(&world, "closed refused: the server answered with "
				  "HTTP status 404\n");
	client_free(c);
	fake_link_close(&peer);
}

Test(client_ws, a_client_may_free_itself_when_lost_or_waiting)
{
	struct client *c = open_lasting();

	fake_link_close(&peer);
	fake_world_expect(&world,
			  "lost closed by the peer: the connection was lost\n");
	client_free(c);
	(void)open_lasting();
	world.free_at =
		SLICE("lost closed by the peer: the connection was lost");
	fake_link_close(&peer);
	fake_world_expect(&world,
			  "lost closed by the peer: the connection was lost\n");
	fake_world_advance(&world, 2000);
	fake_world_expect(&world, "");
}

/* Pings */

Test(client_ws, a_silent_server_is_asked_and_given_up)
{
	struct client_options o = {.ping_interval_ms = 1000};
	struct client *c = fake_world_client(&world, &client_ws, &o);

	shake_hands(&peer);
	fake_link_frame(&peer, TEXT, WELCOME);
	fake_world_expect(&world, "object " WELCOME "\nopen\n");
	fake_world_advance(&world, 1000);
	cr_assert(fake_link_quiet(&peer));
	fake_world_advance(&world, 1000);
	(void)fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, PING);
	fake_link_frame(&peer, PONG, "");
	fake_world_ticks(&world, 3);
	fake_world_advance(&world, 1000);
	cr_assert(fake_link_quiet(&peer));
	fake_world_advance(&world, 1000);
	(void)fake_link_take_frame(&peer, &opcode, mask);
	cr_assert_eq(opcode, PING);
	fake_world_advance(&world, 1000);
	fake_world_expect(&world, "closed timed out: the server does not "
				  "answer\n");
	client_free(c);
	fake_link_close(&peer);
}

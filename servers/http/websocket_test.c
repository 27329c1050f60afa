/* SPDX-License-Identifier: MIT */
/* WebSocket connections over real sockets: handshake, frames, closing. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "servers/base/check.h"
#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"
#include "servers/http/test_rig.h"
#include "servers/http/websocket.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define REQUEST "GET /ws HTTP/1.1\r\nHost: x\r\n"
#define FIELDS                                                                 \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n"                        \
	"Sec-WebSocket-Key: " KEY "\r\n"
#define HANDSHAKE REQUEST FIELDS "Sec-WebSocket-Version: 13\r\n\r\n"

/* The server's end of one connection: it echoes. */
struct echo {
	struct transport transport;
	struct websocket ws;
	bool closed;
};

static struct rig rig;
static struct hub *hub;
static struct backend backend;
static struct websocket_hub sockets;
static struct backend_options options;
static struct client c;
static struct echo *echo; /* the latest */
static unsigned messages, most_at_once, closes, closed_code, ready_count;
static int ready_fd;
static struct deflate_terms terms;
static bool crowd; /* each message is one for many */
static char closed_reason[128];

static void on_message(struct websocket *ws, struct slice payload, bool binary)
{
	static unsigned tick, at_once;

	at_once = tick == rig.ticks ? at_once + 1 : 1;
	tick = rig.ticks;
	if (at_once > most_at_once)
		most_at_once = at_once;
	messages++;
	if (crowd)
		hub->pushed_this_tick += 50000;
	if (slice_is(payload, "close me"))
		websocket_close(ws, WS_CLOSE_POLICY, SLICE("as you wish"));
	else if (slice_is(payload, "abort me"))
		websocket_abort(ws);
	else
		transport_send_private(ws->transport,
				       binary ? MSG_BINARY : MSG_TEXT, payload,
				       0);
}

static void on_closed(struct websocket *ws, unsigned code, struct slice reason)
{
	struct echo *e = container_of(ws, struct echo, ws);

	closes++;
	closed_code = code;
	websocket_release(ws);
	transport_release(&e->transport);
	free(e);
	echo = NULL;
	(void)snprintf(closed_reason, sizeof(closed_reason), "%.*s",
		       SLICE_ARG(reason));
}

static const struct websocket_ops ops = {.on_message = on_message,
					 .on_closed = on_closed};

static void flush(struct transport *t)
{
	websocket_flush(&container_of(t, struct echo, transport)->ws);
}

static void kick(struct transport *t, enum kick_reason why)
{
	websocket_kick(&container_of(t, struct echo, transport)->ws, why);
}

static const struct transport_ops transport_ops = {.flush = flush,
						   .kick = kick};

static void on_ready(void *arg, int fd, struct slice ahead)
{
	(void)arg;
	ready_count++;
	ready_fd = fd;
	if (fd < 0)
		return;
	echo = xcalloc(1, sizeof(*echo));
	transport_init(&echo->transport, &transport_ops, hub, &backend.stats,
		       FORMAT_WS);
	cr_assert_eq(
		websocket_init(&echo->ws, &sockets, fd, &echo->transport, &ops),
		ERR_OK);
	websocket_deflate(&echo->ws, &terms);
	websocket_feed(&echo->ws, ahead);
}

static void on_request(struct http_request *r, void *arg)
{
	terms = (struct deflate_terms){0};
	(void)websocket_upgrade(r, "pushmark.v1",
				options.deflate ? &terms : NULL, on_ready, arg);
}

static void start(bool heartbeat)
{
	messages = most_at_once = closes = closed_code = ready_count = 0;
	closed_reason[0] = '\0';
	crowd = false;
	echo = NULL;
	rig_init(&rig, NULL);
	hub = hub_new(rig.loop, &hub_defaults, &fake_app);
	backend = (struct backend){.ops = &fake_backend,
				   .env = {.hub = hub,
					   .http = rig.http,
					   .loop = rig.loop,
					   .options = &options}};
	websocket_hub_init(&sockets, &backend, heartbeat);
	http_route(rig.http, &(struct http_route){.path = "/ws",
						  .methods = HTTP_ANY,
						  .handle = on_request});
	rig_start(&rig);
	client_open(&c, &rig);
}

static void setup(void)
{
	options = backend_defaults;
	options.max_payload = 100000;
	options.close_timeout_ms = 200;
	start(false);
}

static void teardown(void)
{
	client_close(&c);
	rig_run(&rig, 20);
	if (echo) {
		websocket_release(&echo->ws);
		transport_release(&echo->transport);
		free(echo);
	}
	websocket_hub_release(&sockets);
	cr_assert_eq(http_connections(rig.http), 0);
	http_free(rig.http);
	hub_free(hub);
	loop_free(rig.loop);
}

TestSuite(websocket, .init = setup, .fini = teardown, .timeout = 20);

static void open_socket(void)
{
	client_say(&c, HANDSHAKE);
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 101 "));
	cr_assert_not_null(echo);
	client_forget(&c);
}

static void say_frame(enum ws_opcode opcode, const char *payload)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_frame(&b, opcode, slice_str(payload), true),
		     ERR_OK);
	client_send(&c, buf_slice(&b));
	buf_release(&b);
}

/* One fragment. */
static void say_part(enum ws_opcode opcode, bool fin, const char *payload)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t head[WS_HEADER_MAX], bytes[125];
	size_t n = strlen(payload);

	memcpy(bytes, payload, n);
	ws_mask(bytes, n, mask, 0);
	client_send(&c,
		    slice_of(head, ws_header(head, fin, 0, opcode, n, mask)));
	client_send(&c, slice_of(bytes, n));
}

static void say_close(unsigned code, const char *reason)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_close(&b, code, slice_str(reason), true), ERR_OK);
	client_send(&c, buf_slice(&b));
	buf_release(&b);
}

/* Waits for exactly these bytes of the server, and forgets them. */
static void expect_bytes(const void *bytes, size_t n)
{
	cr_assert(client_hear_size(&c, n), "%zu of %zu", c.in.len, n);
	cr_assert_eq(memcmp(c.in.data, bytes, n), 0);
	buf_consume(&c.in, n);
}

static void expect_frame(enum ws_opcode opcode, const char *payload)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_frame(&b, opcode, slice_str(payload), false),
		     ERR_OK);
	expect_bytes(b.data, b.len);
	buf_release(&b);
}

static void expect_close(unsigned code, const char *reason)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_close(&b, code, slice_str(reason), false), ERR_OK);
	expect_bytes(b.data, b.len);
	buf_release(&b);
}

static void expect_closed(unsigned code)
{
	for (unsigned i = 0; i < 500 && closes == 0; i++)
		rig_tick(&rig);
	cr_assert_eq(closes, 1);
	cr_assert_eq(closed_code, code, "%u", closed_code);
}

/* Handshake */

Test(websocket, handshake)
{
	client_say(&c, HANDSHAKE);
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 101 "));
	cr_assert(strstr(client_text(&c),
			 "Sec-WebSocket-Accept: " ACCEPT "\r\n"));
	cr_assert(strstr(client_text(&c), "Upgrade: websocket\r\n"));
	cr_assert(strcasestr(client_text(&c), "Connection: Upgrade\r\n"));
	cr_assert_not(strstr(client_text(&c), "Sec-WebSocket-Protocol"));
	cr_assert_not(strstr(client_text(&c), "Sec-WebSocket-Extensions"));
	cr_assert_eq(http_connections(rig.http), 1);
}

Test(websocket, handshake_in_other_words)
{
	client_say(&c,
		   REQUEST "upgrade: h2c, WebSocket\r\n"
			   "CONNECTION: keep-alive\r\n"
			   "Connection: upgrade\r\n"
			   "sec-websocket-key: " KEY "\r\n"
			   "sec-websocket-version: 13\r\n"
			   "Sec-WebSocket-Extensions: permessage-deflate\r\n"
			   "Sec-WebSocket-Protocol: chat\r\n"
			   "Sec-WebSocket-Protocol: x, pushmark.v1\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 101 "));
	cr_assert(strstr(client_text(&c),
			 "Sec-WebSocket-Protocol: pushmark.v1\r\n"));
}

Test(websocket, handshake_faults)
{
	static const struct {
		const char *request, *answer;
	} table[] = {
		{REQUEST "\r\n", "HTTP/1.1 400 "},
		{REQUEST "Connection: Upgrade\r\n"
			 "Sec-WebSocket-Key: " KEY
			 "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		 "Upgrade header"},
		{REQUEST "Upgrade: websocket\r\n"
			 "Sec-WebSocket-Key: " KEY
			 "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		 "Connection header"},
		{REQUEST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Version: 13\r\n\r\n",
		 "Sec-WebSocket-Key"},
		{REQUEST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Key: c2hvcnQ=\r\n"
			 "Sec-WebSocket-Version: 13\r\n\r\n",
		 "Sec-WebSocket-Key"},
		{REQUEST FIELDS "Sec-WebSocket-Version: 8\r\n\r\n",
		 "HTTP/1.1 426 "},
		{REQUEST FIELDS "\r\n", "HTTP/1.1 426 "},
		{"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" FIELDS
		 "Sec-WebSocket-Version: 13\r\n\r\n",
		 "HTTP/1.1 400 "},
		{"GET /ws HTTP/1.0\r\n" FIELDS
		 "Sec-WebSocket-Version: 13\r\n\r\n",
		 "HTTP/1.1 400 "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct client d;

		client_open(&d, &rig);
		client_say(&d, table[i].request);
		cr_assert(client_hear(&d, table[i].answer), "%zu: %s", i,
			  client_text(&d));
		cr_assert(client_hear(&d, "}"), "%zu", i);
		if (strstr(table[i].answer, "426"))
			cr_assert(strstr(client_text(&d),
					 "Sec-WebSocket-Version: 13\r\n"));
		client_close(&d);
	}
	cr_assert_eq(ready_count, 0);
}

Test(websocket, frames_sent_ahead_of_the_answer)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(buf_add_str(&b, HANDSHAKE), ERR_OK);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE("early"), true), ERR_OK);
	client_send(&c, buf_slice(&b));
	buf_release(&b);
	cr_assert(client_hear(&c, "early"));
	cr_assert_eq(messages, 1);
}

/* Messages */

Test(websocket, echo)
{
	open_socket();
	say_frame(WS_TEXT, "hello");
	expect_frame(WS_TEXT, "hello");
	say_frame(WS_BINARY, "bytes");
	expect_frame(WS_BINARY, "bytes");
	say_frame(WS_TEXT, "");
	expect_frame(WS_TEXT, "");
	cr_assert_eq(messages, 3);
}

Test(websocket, byte_by_byte)
{
	struct buf b;

	open_socket();
	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_frame(&b, WS_TEXT, SLICE("hello"), true), ERR_OK);
	cr_assert_eq(ws_add_frame(&b, WS_PING, SLICE("p"), true), ERR_OK);
	for (size_t i = 0; i < b.len; i++) {
		client_send(&c, slice_of(b.data + i, 1));
		rig_tick(&rig);
	}
	buf_release(&b);
	expect_frame(WS_TEXT, "hello");
	expect_frame(WS_PONG, "p");
}

Test(websocket, fragments_and_pings_between)
{
	open_socket();
	say_part(WS_TEXT, false, "one ");
	say_part(WS_PING, true, "now");
	say_part(WS_CONTINUATION, false, "two ");
	say_part(WS_CONTINUATION, true, "three");
	expect_frame(WS_PONG, "now");
	expect_frame(WS_TEXT, "one two three");
	cr_assert_eq(messages, 1);
}

/* More than is read in one tick, and than one frame may hold. */
Test(websocket, large_message)
{
	size_t n = 90000;
	char *text = xmalloc(n + 1);
	struct buf b;

	memset(text, 't', n);
	text[n] = '\0';
	open_socket();
	say_frame(WS_TEXT, text);
	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(ws_add_message(&b, WS_TEXT, slice_of(text, n), false,
				    hub_defaults.fragment),
		     ERR_OK);
	cr_assert_eq(b.len, n + 10 + 4);
	expect_bytes(b.data, b.len);
	buf_release(&b);
	free(text);
}

/* permessage-deflate */

#define OFFER(text) "Sec-WebSocket-Extensions: " text "\r\n"

static void shake_hands(const char *offers)
{
	options.deflate = true;
	client_say(&c, REQUEST FIELDS "Sec-WebSocket-Version: 13\r\n");
	client_say(&c, offers);
	client_say(&c, "\r\n");
	cr_assert(client_hear(&c, "\r\n\r\n"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 101 "));
}

static void say_deflated(struct slice message)
{
	struct deflater *d = deflater_new(6);
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(deflater_add_frame(d, 15, &b, WS_TEXT, message, true),
		     ERR_OK);
	client_send(&c, buf_slice(&b));
	buf_release(&b);
	deflater_free(d);
}

Test(websocket, deflate_is_agreed_on)
{
	shake_hands(OFFER("x-unknown, permessage-deflate; "
			  "server_max_window_bits=8")
			    OFFER("permessage-deflate; "
				  "server_max_window_bits=10; "
				  "client_max_window_bits"));
	cr_assert(strstr(client_text(&c),
			 "\r\nSec-WebSocket-Extensions: permessage-deflate; "
			 "server_no_context_takeover; "
			 "client_no_context_takeover; "
			 "server_max_window_bits=10\r\n"),
		  "%s", client_text(&c));
	cr_assert_eq(echo->transport.format, FORMAT_WS_DEFLATE + 1);
	client_forget(&c);
	say_deflated(SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	expect_frame(WS_TEXT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	say_frame(WS_TEXT, "plain");
	expect_frame(WS_TEXT, "plain");
	cr_assert(ws_receiver_idle(&echo->ws.receiver));
	cr_assert_null(echo->ws.receiver.inflater);
}

Test(websocket, deflate_is_declined)
{
	static const char *const offers[] = {
		OFFER("permessage-deflate; server_max_window_bits=8"),
		OFFER("permessage-deflate; x=1"),
		OFFER("permessage-deflate; ;"),
		OFFER("permessage-bzip2"),
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		shake_hands(offers[i]);
		cr_assert_not(strstr(client_text(&c), "Extensions"), "%zu", i);
		cr_assert_eq(echo->transport.format, FORMAT_WS);
		client_forget(&c);
		say_frame(WS_TEXT, "plain");
		expect_frame(WS_TEXT, "plain");
		client_close(&c);
		expect_closed(WS_CLOSE_ABNORMAL);
		closes = 0;
		client_open(&c, &rig);
	}
}

static void expect_deflated_failure(struct slice frame, unsigned code)
{
	shake_hands(OFFER("permessage-deflate"));
	client_forget(&c);
	client_send(&c, frame);
	cr_assert(client_hear_size(&c, 4));
	cr_assert_eq((uint8_t)c.in.data[0], 0x80 | WS_CLOSE);
	cr_assert_eq((unsigned)(uint8_t)c.in.data[2] << 8 |
			     (uint8_t)c.in.data[3],
		     code);
	cr_assert_eq(messages, 0);
}

Test(websocket, a_small_frame_that_inflates_beyond_the_limit)
{
	size_t n = options.max_payload + 1;
	char *zeros = xcalloc(1, n);
	struct deflater *d = deflater_new(9);
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(deflater_add_frame(d, 15, &b, WS_BINARY,
					slice_of(zeros, n), true),
		     ERR_OK);
	cr_assert_lt(b.len, 500);
	expect_deflated_failure(buf_slice(&b), WS_CLOSE_TOO_BIG);
	buf_release(&b);
	deflater_free(d);
	free(zeros);
}

Test(websocket, a_frame_that_does_not_inflate)
{
	expect_deflated_failure(SLICE("\xc1\x82\0\0\0\0\xff\xff"),
				WS_CLOSE_INVALID);
}

Test(websocket, text_that_is_not_utf8_once_inflated)
{
	struct deflater *d = deflater_new(1);
	uint8_t head[WS_HEADER_MAX];
	static const uint8_t mask[4];
	struct buf packed, b;

	buf_init(&packed, BUF_UNLIMITED);
	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(deflater_add(d, 15, SLICE("\xff\xff\xff\xff"), &packed),
		     ERR_OK);
	cr_assert_eq(
		buf_add(&b, head,
			ws_header(head, true, 4, WS_TEXT, packed.len, mask)),
		ERR_OK);
	cr_assert_eq(buf_add_slice(&b, buf_slice(&packed)), ERR_OK);
	expect_deflated_failure(buf_slice(&b), WS_CLOSE_INVALID);
	buf_release(&packed);
	buf_release(&b);
	deflater_free(d);
}

Test(websocket, many_messages_at_once)
{
	open_socket();
	for (unsigned i = 0; i < 1000; i++)
		say_frame(WS_TEXT, "0123456789012345678901234567890123456789");
	for (unsigned i = 0; i < 1000; i++)
		expect_frame(WS_TEXT,
			     "0123456789012345678901234567890123456789");
	cr_assert_eq(messages, 1000);
}

/* `n` frames of `payload` each, sent as one. */
static void say_many(struct slice frame, unsigned n)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(buf_add_slice(&b, frame), ERR_OK);
	cr_assert_lt(b.len, 16384); /* so that one read takes them all */
	client_send(&c, buf_slice(&b));
	buf_release(&b);
}

/* What is published to many costs more than its few bytes say. */
Test(websocket, messages_for_many_take_turns_with_others)
{
	open_socket();
	crowd = true;
	say_many(SLICE("\x81\x81\0\0\0\0x"), 200);
	for (unsigned i = 0; i < 200; i++)
		expect_frame(WS_TEXT, "x");
	cr_assert_eq(messages, 200);
	cr_assert_eq(most_at_once, 1);
	crowd = false;
	most_at_once = 0;
	say_many(SLICE("\x81\x81\0\0\0\0x"), 200);
	for (unsigned i = 0; i < 200; i++)
		expect_frame(WS_TEXT, "x");
	cr_assert_gt(most_at_once, 1);
}

/* And so does what is large once inflated. */
Test(websocket, inflated_messages_take_turns_with_others)
{
	enum { SIZE = 60000, COUNT = 40 };
	char *zeros = xcalloc(1, SIZE);
	struct deflater *d = deflater_new(9);
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(deflater_add_frame(d, 15, &b, WS_BINARY,
					slice_of(zeros, SIZE), true),
		     ERR_OK);
	shake_hands(OFFER("permessage-deflate"));
	client_forget(&c);
	say_many(buf_slice(&b), COUNT);
	cr_assert(client_hear_size(&c, (SIZE + 4) * COUNT));
	cr_assert_eq(messages, COUNT);
	cr_assert_leq(most_at_once, 2);
	buf_release(&b);
	deflater_free(d);
	free(zeros);
}

Test(websocket, pongs_come_in_order)
{
	open_socket();
	say_frame(WS_PING, "1");
	say_frame(WS_PING, "2");
	say_frame(WS_PING, "");
	expect_frame(WS_PONG, "1");
	expect_frame(WS_PONG, "2");
	expect_frame(WS_PONG, "");
}

/* A peer that pings and never reads may not grow our memory for ever. */
Test(websocket, ping_flood_is_bounded)
{
	struct buf b;

	open_socket();
	buf_init(&b, BUF_UNLIMITED);
	for (unsigned i = 0; i < 1000; i++)
		cr_assert_eq(ws_add_frame(&b, WS_PING,
					  SLICE("0123456789012345678901234567"
						"8901234567890123456789"),
					  true),
			     ERR_OK);
	for (unsigned i = 0; i < 1000; i++) {
		if (send(c.fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			rig_run(&rig, 1);
		rig_tick(&rig);
	}
	buf_release(&b);
	cr_assert_eq(closes, 0);
	cr_assert(echo->ws.paused, "it is not listened to");
	cr_assert_lt(echo->transport.q.count, 2 * hub_defaults.queue.messages);
}

/* Nor is who sends much before it reads slow: the answers wait, and all come.
 */
Test(websocket, who_does_not_read_is_not_read)
{
	const unsigned count = 20000;
	unsigned sent = 0;
	struct buf b;
	size_t whole = 0;

	open_socket();
	buf_init(&b, BUF_UNLIMITED);
	for (unsigned i = 0; i < count; i++) {
		char text[200];
		int n = snprintf(text, sizeof(text), "%0190u", i);

		cr_assert_eq(ws_add_frame(&b, WS_TEXT,
					  slice_of(text, (size_t)n), true),
			     ERR_OK);
		whole += 4 + (size_t)n;
	}
	while (sent < b.len) {
		ssize_t n = send(c.fd, b.data + sent, b.len - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (unsigned)n;
		else if (echo->ws.paused)
			break;
		rig_tick(&rig);
	}
	rig_run(&rig, 50);
	cr_assert_leq(echo->transport.q.count, hub_defaults.queue.messages);
	while (sent < b.len && closes == 0) {
		ssize_t n = send(c.fd, b.data + sent, b.len - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (unsigned)n : 0;
		(void)client_hear_size(&c, c.in.len + 1);
	}
	cr_assert(client_hear_size(&c, whole));
	cr_assert_eq(c.in.len, whole);
	for (unsigned i = 0; i < count; i++) {
		char text[200];
		int n = snprintf(text, sizeof(text), "%0190u", i);

		cr_assert_arr_eq(c.in.data + i * (size_t)(4 + n) + 4, text,
				 (size_t)n);
	}
	cr_assert_eq(closes, 0);
	buf_release(&b);
}

/* The pong does not wait for all that the peer is slow to read. */
Test(websocket, a_pong_goes_between_the_fragments)
{
	size_t n = 32 << 20, size = 0, whole;
	char *bytes = xcalloc(1, n);
	bool ponged = false;

	open_socket();
	transport_send_private(&echo->transport, MSG_BINARY, slice_of(bytes, n),
			       0);
	free(bytes);
	rig_run(&rig, 20);
	cr_assert_gt(echo->transport.q.offset, 0, "the socket is full");
	say_frame(WS_PING, "p");
	rig_run(&rig, 20);
	whole = n + n / 65536 * 10 + 3;
	cr_assert(client_hear_size(&c, whole));
	cr_assert_eq(c.in.len, whole, "%zu of %zu", c.in.len, whole);
	while (!ponged && size < whole) {
		struct slice rest = slice_after(buf_slice(&c.in), size);

		ponged = (uint8_t)rest.p[0] == (0x80 | WS_PONG);
		size += (size_t)ws_frame_length(rest);
	}
	cr_assert(ponged);
	cr_assert_lt(size, whole, "there is more behind it");
	while (size < whole)
		size += (size_t)ws_frame_length(
			slice_after(buf_slice(&c.in), size));
	cr_assert_eq(size, whole);
}

/* Another transport */

static struct transport other;

static void flush_other(struct transport *t)
{
	(void)t;
	websocket_flush(&echo->ws);
}

static const struct transport_ops other_ops = {.flush = flush_other};

static void carry_other(void)
{
	transport_init(&other, &other_ops, hub, &backend.stats, FORMAT_WS);
	transport_send_private(&other, MSG_TEXT, SLICE("b"), 0);
	transport_send_private(&other, MSG_TEXT, SLICE("c"), 0);
	websocket_carry(&echo->ws, &other);
	cr_assert_eq(echo->transport.q.count, 0);
	cr_assert_eq(other.q.count, 3);
}

static void drop_other(void)
{
	websocket_abort(&echo->ws);
	expect_closed(WS_CLOSE_ABNORMAL);
	transport_release(&other);
}

/* As at the end of an Engine.IO upgrade. */
Test(websocket, carries_another_transport_behind_what_is_queued)
{
	open_socket();
	transport_send_private(&echo->transport, MSG_TEXT, SLICE("a"), 0);
	carry_other();
	expect_frame(WS_TEXT, "a");
	expect_frame(WS_TEXT, "b");
	expect_frame(WS_TEXT, "c");
	transport_send_private(&other, MSG_TEXT, SLICE("d"), 0);
	expect_frame(WS_TEXT, "d");
	drop_other();
}

Test(websocket, carries_another_transport_behind_what_is_half_sent)
{
	size_t n = 32 << 20, whole = n + n / 65536 * 10;
	char *bytes = xcalloc(1, n);

	open_socket();
	transport_send_private(&echo->transport, MSG_BINARY, slice_of(bytes, n),
			       0);
	free(bytes);
	rig_run(&rig, 20);
	cr_assert_gt(echo->transport.q.offset, 0, "the socket is full");
	carry_other();
	cr_assert_gt(other.q.offset, 0);
	cr_assert(client_hear_size(&c, whole + 6));
	cr_assert_eq(c.in.len, whole + 6);
	buf_consume(&c.in, whole);
	expect_frame(WS_TEXT, "b");
	expect_frame(WS_TEXT, "c");
	drop_other();
}

/* Closing */

Test(websocket, client_closes)
{
	open_socket();
	say_close(WS_CLOSE_NORMAL, "bye");
	expect_close(WS_CLOSE_NORMAL, "");
	cr_assert(client_hear_end(&c));
	cr_assert_not(c.reset);
	/* Ours ends first; it is over when the peer's has ended. */
	cr_assert_eq(closes, 0);
	client_close(&c);
	expect_closed(WS_CLOSE_NORMAL);
	cr_assert_str_eq(closed_reason, "bye");
	cr_assert_eq(http_connections(rig.http), 0);
}

Test(websocket, client_closes_without_a_code)
{
	open_socket();
	say_close(WS_CLOSE_NONE, "");
	expect_close(WS_CLOSE_NONE, "");
	cr_assert(client_hear_end(&c));
	client_close(&c);
	expect_closed(WS_CLOSE_NONE);
}

Test(websocket, client_that_closes_but_stays)
{
	open_socket();
	say_close(3000, "");
	expect_close(3000, "");
	expect_closed(3000);
}

Test(websocket, server_closes)
{
	open_socket();
	say_frame(WS_TEXT, "close me");
	say_frame(WS_TEXT, "not heard");
	expect_close(WS_CLOSE_POLICY, "as you wish");
	rig_run(&rig, 20);
	cr_assert_eq(messages, 1);
	cr_assert_eq(closes, 0);
	cr_assert_not(c.ended);
	say_close(WS_CLOSE_POLICY, "");
	cr_assert(client_hear_end(&c));
	client_close(&c);
	expect_closed(WS_CLOSE_POLICY);
}

Test(websocket, server_closes_and_hears_nothing)
{
	open_socket();
	websocket_close(&echo->ws, WS_CLOSE_GOING_AWAY, SLICE("later"));
	websocket_close(&echo->ws, WS_CLOSE_NORMAL, SLICE("only once"));
	expect_close(WS_CLOSE_GOING_AWAY, "later");
	expect_closed(WS_CLOSE_ABNORMAL);
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
}

Test(websocket, both_close_at_once)
{
	open_socket();
	websocket_close(&echo->ws, WS_CLOSE_GOING_AWAY, SLICE(""));
	say_close(WS_CLOSE_NORMAL, "");
	expect_close(WS_CLOSE_GOING_AWAY, "");
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
	client_close(&c);
	expect_closed(WS_CLOSE_NORMAL);
}

Test(websocket, server_aborts)
{
	open_socket();
	say_frame(WS_TEXT, "abort me");
	say_frame(WS_TEXT, "not heard");
	cr_assert(client_hear_end(&c));
	expect_closed(WS_CLOSE_ABNORMAL);
	cr_assert_eq(messages, 1);
}

Test(websocket, client_vanishes)
{
	open_socket();
	client_close(&c);
	expect_closed(WS_CLOSE_ABNORMAL);
	cr_assert_eq(http_connections(rig.http), 0);
}

/* The last message and the end of the stream come together. */
Test(websocket, client_vanishes_behind_a_message)
{
	open_socket();
	say_frame(WS_TEXT, "last words");
	client_close(&c);
	expect_closed(WS_CLOSE_ABNORMAL);
	cr_assert_eq(messages, 1);
}

static void expect_failure(struct slice bytes, unsigned code)
{
	uint8_t head[4];

	open_socket();
	client_send(&c, bytes);
	cr_assert(client_hear_size(&c, 4));
	memcpy(head, c.in.data, 4);
	cr_assert_eq(head[0], 0x80 | WS_CLOSE);
	cr_assert_eq((unsigned)head[2] << 8 | head[3], code);
	cr_assert(client_hear_end(&c));
	cr_assert_not(c.reset);
	expect_closed(WS_CLOSE_ABNORMAL);
}

Test(websocket, unmasked_frame)
{
	expect_failure(SLICE("\x81\x02hi"), WS_CLOSE_PROTOCOL);
}

Test(websocket, reserved_bits)
{
	expect_failure(SLICE("\xf1\x80\1\2\3\4"), WS_CLOSE_PROTOCOL);
}

Test(websocket, text_that_is_not_utf8)
{
	expect_failure(SLICE("\x81\x81\0\0\0\0\xff"), WS_CLOSE_INVALID);
}

Test(websocket, message_above_the_limit)
{
	expect_failure(SLICE("\x81\xff\0\0\0\0\0\1\x86\xa1\0\0\0\0"),
		       WS_CLOSE_TOO_BIG);
}

/* Closing while the peer still sends would lose the close frame. */
Test(websocket, failure_in_the_middle_of_a_stream)
{
	open_socket();
	client_send(&c, SLICE("\xf1\x80\1\2\3\4"));
	cr_assert(client_hear_size(&c, 4));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(send(c.fd, "more", 4, MSG_NOSIGNAL), 4);
		rig_run(&rig, 10);
	}
	expect_closed(WS_CLOSE_ABNORMAL);
}

Test(websocket, kicks)
{
	static const struct {
		enum kick_reason why;
		unsigned code;
		const char *reason;
	} table[] = {
		{KICK_SHUTDOWN, 1001, "the server is going away"},
		{KICK_SLOW, 1008, "reading too slowly"},
		{KICK_PROTOCOL, 1002, "protocol error"},
		{KICK_INVALID, 1007, "invalid data"},
		{KICK_TOO_BIG, 1009, "message too big"},
		{KICK_REFUSED, 1008, "refused"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		open_socket();
		transport_kick(&echo->transport, table[i].why);
		expect_close(table[i].code, table[i].reason);
		say_close(table[i].code, "");
		cr_assert(client_hear_end(&c));
		client_close(&c);
		expect_closed(table[i].code);
		closes = 0;
		client_open(&c, &rig);
	}
	open_socket();
	transport_kick(&echo->transport, KICK_TIMEOUT);
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
	expect_closed(WS_CLOSE_ABNORMAL);
}

/* Heartbeat */

static void setup_heartbeat(void)
{
	options = backend_defaults;
	options.ping_interval_ms = 60;
	options.ping_timeout_ms = 150;
	options.close_timeout_ms = 200;
	start(true);
}

TestSuite(heartbeat, .init = setup_heartbeat, .fini = teardown, .timeout = 20);

Test(heartbeat, pongs_keep_it_alive)
{
	open_socket();
	for (unsigned i = 0; i < 8; i++) {
		expect_frame(WS_PING, "");
		say_frame(WS_PONG, "");
	}
	cr_assert_eq(closes, 0);
}

Test(heartbeat, any_message_will_do)
{
	open_socket();
	for (unsigned i = 0; i < 5; i++) {
		expect_frame(WS_PING, "");
		say_frame(WS_TEXT, "busy");
		expect_frame(WS_TEXT, "busy");
	}
	cr_assert_eq(closes, 0);
}

Test(heartbeat, silence_ends_it)
{
	uint64_t start_ms;

	open_socket();
	start_ms = clock_ms(&clock_monotonic);
	expect_frame(WS_PING, "");
	expect_closed(WS_CLOSE_ABNORMAL);
	cr_assert_geq(clock_ms(&clock_monotonic) - start_ms, 190);
	cr_assert_lt(clock_ms(&clock_monotonic) - start_ms, 400);
	cr_assert(client_hear_end(&c));
	cr_assert_eq(c.in.len, 0);
}

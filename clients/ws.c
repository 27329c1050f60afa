/* SPDX-License-Identifier: MIT */
/* The raw dialect over WebSocket (RFC 6455). */
#include <stdio.h>
#include <stdlib.h>

#include "clients/env.h"
#include "clients/raw.h"
#include "servers/base/check.h"
#include "servers/wire/deflate.h"
#include "servers/wire/engineio.h"

/* Pongs may fall behind a server that does not read; the newest will do. */
#define PONG_BACKLOG 65536

/*
 * What comes is to be compressed, what goes is not: so there is nothing to say
 * of our own windows.
 */
static const struct deflate_offer deflate_offer;

enum state {
	STATE_HANDSHAKE, /* connecting, or waiting for the 101 */
	STATE_OPEN,	 /* frames go both ways */
	STATE_ENDED,	 /* a close frame was sent, or nothing can be */
};

/* What is needed until the 101 only. */
struct handshake {
	struct http1_parser parser;
	char key[WS_KEY_CHARS + 1];
	struct deflate_terms deflate;
	unsigned status;
	bool agreed;
};

struct ws_client {
	struct client base;
	struct conn conn;
	enum state state;
	struct handshake *handshake; /* owned; NULL after it */
	struct ws_receiver receiver;
	struct buf out;
	struct timer ping;
	bool heard;    /* something came since the last look */
	bool awaiting; /* a ping is out */
};

static struct ws_client *of_client(struct client *c)
{
	return container_of(c, struct ws_client, base);
}

/* Sending */

static enum err add_frame(struct ws_client *w, enum ws_opcode opcode,
			  struct slice payload)
{
	uint64_t random = rng_next(&w->base.env->rng);
	uint8_t header[WS_HEADER_MAX];
	uint8_t mask[4];
	size_t n;
	size_t start;
	enum err e;

	memcpy(mask, &random, sizeof(mask));
	n = ws_header(header, true, 0, opcode, payload.n, mask);
	e = buf_reserve(&w->out, n + payload.n);
	if (e)
		return e;
	memcpy(w->out.data + w->out.len, header, n);
	start = w->out.len + n;
	if (payload.n > 0)
		memcpy(w->out.data + start, payload.p, payload.n);
	ws_mask((uint8_t *)w->out.data + start, payload.n, mask, 0);
	w->out.len = start + payload.n;
	return ERR_OK;
}

static void flush(struct ws_client *w)
{
	enum err e = client_write(&w->base, &w->conn, &w->out);

	if (e)
		client_fail(&w->base, e, "the connection was lost");
}

/* Sends a close frame if the socket takes it, and no frame after it. */
static void send_close(struct ws_client *w, unsigned code, const char *why)
{
	if (w->state != STATE_OPEN)
		return;
	w->state = STATE_ENDED;
	if (ws_add_close(&w->out, code, slice_str(why), true) != ERR_OK)
		return;
	/* Whether it went matters to nobody: the link ends either way. */
	(void)!client_write(&w->base, &w->conn, &w->out);
}

/* Frames in */

/* Whether coming back would only lead there again, or is not wanted. */
static bool is_final(unsigned code)
{
	switch (code) {
	case WS_CLOSE_NORMAL:
	case WS_CLOSE_PROTOCOL:
	case WS_CLOSE_UNSUPPORTED:
	case WS_CLOSE_INVALID:
	case WS_CLOSE_TOO_BIG:
		return true;
	default:
		return false;
	}
}

static void on_close_frame(struct ws_client *w, struct slice payload)
{
	struct slice reason;
	unsigned code;
	char why[192]; /* a close frame has 125 bytes */

	ws_close_parse(payload, &code, &reason);
	send_close(w, code, "");
	(void)snprintf(why, sizeof(why), "closed by the server: %u %.*s", code,
		       SLICE_ARG(reason));
	if (is_final(code))
		client_end(&w->base, ERR_CLOSED, why);
	else
		client_fail(&w->base, ERR_CLOSED, why);
}

/* JSON cannot hold bytes: a person gets them as base64. */
static void on_binary(struct ws_client *w, struct slice bytes)
{
	static const char head[] = "{\"type\":\"binary\",\"base64\":\"";
	struct buf *b = &w->base.env->text;
	enum err e;

	buf_clear(b);
	e = engineio_encode_binary(b, bytes);
	if (!e) {
		buf_consume(b, 1); /* the packet type, `b` */
		e = buf_reserve(b, sizeof(head));
	}
	if (!e) {
		memmove(b->data + sizeof(head) - 1, b->data, b->len);
		memcpy(b->data, head, sizeof(head) - 1);
		b->len += sizeof(head) - 1;
		e = buf_add_str(b, "\"}");
	}
	if (!e)
		w->base.events->on_object(&w->base, buf_slice(b));
}

static bool on_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct ws_client *w = arg;

	switch (opcode) {
	case WS_TEXT:
		raw_object(&w->base, payload);
		break;
	case WS_BINARY:
		on_binary(w, payload);
		break;
	case WS_PING:
		if (w->out.len < PONG_BACKLOG &&
		    add_frame(w, WS_PONG, payload) == ERR_OK)
			client_mark_dirty(&w->base);
		break;
	case WS_CLOSE:
		on_close_frame(w, payload);
		break;
	default:
		break;
	}
	return !w->base.closed;
}

static size_t decode_frames(struct client_env *env, struct slice chunk,
			    struct client_message *out, size_t max)
{
	size_t count = 0;

	while (chunk.n > 0) {
		enum ws_opcode opcode;
		struct slice payload;
		size_t n = ws_peek_plain(chunk, &opcode, &payload);

		if (n == 0 || opcode != WS_TEXT || count == max ||
		    !raw_message(env, payload, &out[count]))
			return 0;
		count++;
		chunk = slice_after(chunk, n);
	}
	return count;
}

/* Returns whether the memo knew the chunk. */
static bool take_frames(struct ws_client *w, struct slice bytes)
{
	static const struct ws_events events = {.on_frame = on_frame};
	struct client *c = &w->base;
	enum memo_result memo = MEMO_REFUSED;
	const char *why = "";
	unsigned code = 0;
	enum err e;

	if (ws_receiver_idle(&w->receiver))
		memo = memo_deliver(&c->env->memo, c, bytes, decode_frames);
	if (memo != MEMO_REFUSED)
		return memo == MEMO_KNOWN;
	e = ws_receiver_feed(&w->receiver, c->env->pool, bytes, &events, w,
			     &code, &why);
	if (e && !c->closed) {
		send_close(w, code, why);
		client_fail(c, e, why);
	}
	return false;
}

/* Opening handshake */

/* Nothing is agreed on that was not offered (RFC 6455 section 4.1). */
static bool read_extensions(struct ws_client *w, struct slice headers)
{
	struct slice value;

	if (!http1_header(headers, "Sec-WebSocket-Extensions", &value))
		return true;
	return w->base.options.deflate &&
	       deflate_answer_read(&deflate_offer, value,
				   &w->handshake->deflate) == ERR_OK;
}

static void on_head(void *arg, const struct http1_response *r)
{
	struct ws_client *w = arg;
	struct handshake *h = w->handshake;
	char expected[WS_ACCEPT_CHARS + 1];
	struct slice value;

	h->status = r->status;
	ws_accept(slice_str(h->key), expected);
	h->agreed = r->status == 101 &&
		    http1_header(r->headers, "Upgrade", &value) &&
		    http1_has_token(value, "websocket") &&
		    http1_header(r->headers, "Connection", &value) &&
		    http1_has_token(value, "upgrade") &&
		    http1_header(r->headers, "Sec-WebSocket-Accept", &value) &&
		    slice_is(value, expected) &&
		    read_extensions(w, r->headers) &&
		    !http1_header(r->headers, "Sec-WebSocket-Protocol", &value);
}

static void ignore_body(void *arg, struct slice bytes)
{
	(void)arg;
	(void)bytes;
}

static void ignore_end(void *arg)
{
	(void)arg;
}

static void handshake_free(struct ws_client *w)
{
	if (!w->handshake)
		return;
	http1_parser_release(&w->handshake->parser);
	free(w->handshake);
	w->handshake = NULL;
}

static void take_handshake(struct ws_client *w, struct slice bytes)
{
	static const struct http1_handler handler = {on_head, ignore_body,
						     ignore_end};
	struct handshake *h = w->handshake;
	size_t used;
	enum err e = http1_parser_feed(&h->parser, bytes, &handler, w, &used);

	if (e) {
		client_fail(&w->base, e, "the server does not speak HTTP");
		return;
	}
	if (h->status == 0)
		return;
	if (!h->agreed) {
		if (h->status == 101)
			client_fail(&w->base, ERR_PROTO,
				    "the WebSocket handshake is wrong");
		else
			client_fail_status(&w->base, h->status);
		return;
	}
	if (h->deflate.on)
		ws_receiver_deflate(&w->receiver, h->deflate.keeps_context);
	handshake_free(w);
	w->state = STATE_OPEN;
	bytes = slice_after(bytes, used);
	if (bytes.n > 0)
		(void)take_frames(w, bytes);
}

static enum err add_offer(struct ws_client *w)
{
	char text[DEFLATE_TEXT_MAX];

	if (!w->base.options.deflate)
		return ERR_OK;
	deflate_offer_text(&deflate_offer, text);
	return buf_printf(&w->out, "Sec-WebSocket-Extensions: %s\r\n", text);
}

static enum err add_request(struct ws_client *w)
{
	const struct recovery *r = w->base.recovery;
	struct client_options o = r ? recovery_options(r) : w->base.options;
	enum err e = buf_add_str(&w->out, "GET ");

	/* `resume` joins the rooms: what comes before it would come twice. */
	if (r && r->resuming)
		o.room_count = 0;
	if (!e)
		e = client_add_target(&w->out, &o, client_ws.path, "", true);
	if (!e)
		e = buf_add_str(&w->out, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(&w->out, &o);
	if (!e)
		e = buf_printf(&w->out,
			       "Upgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Key: %s\r\n"
			       "Sec-WebSocket-Version: 13\r\n",
			       w->handshake->key);
	if (!e)
		e = add_offer(w);
	if (!e)
		e = buf_add_str(&w->out, "\r\n");
	return e;
}

/* Link */

static void receive(struct ws_client *w)
{
	struct client *c = &w->base;
	struct slice bytes;
	bool drained;
	bool known;
	enum err e;

	do {
		e = client_read(c, &w->conn, &bytes, &drained);
		if (e == ERR_AGAIN)
			return;
		if (e) {
			client_fail(c, e, "the connection was lost");
			return;
		}
		known = false;
		w->heard = true;
		if (w->state == STATE_HANDSHAKE)
			take_handshake(w, bytes);
		else
			known = take_frames(w, bytes);
		/*
		 * A known chunk is the fast path: one read and no more. After
		 * any other the end of the stream may be waiting.
		 */
	} while (!c->closed && !(known && drained));
}

static void on_readable(struct conn *conn)
{
	struct ws_client *w = container_of(conn, struct ws_client, conn);

	client_enter(&w->base);
	receive(w);
	client_exit(&w->base);
}

static void on_writable(struct conn *conn)
{
	struct ws_client *w = container_of(conn, struct ws_client, conn);

	client_enter(&w->base);
	flush(w);
	client_exit(&w->base);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct ws_client *w = container_of(conn, struct ws_client, conn);
	bool connecting = conn->connecting;

	client_enter(&w->base);
	client_fail(&w->base, why,
		    connecting ? "cannot connect" : "the connection was lost");
	client_exit(&w->base);
}

static const struct conn_ops conn_callbacks = {on_readable, on_writable,
					       on_gone};

/* Pings */

static void arm_ping(struct ws_client *w)
{
	struct client *c = &w->base;

	if (c->options.ping_interval_ms > 0)
		timer_arm(loop_wheel(c->env->loop), &w->ping,
			  c->options.ping_interval_ms);
}

/* A server that says anything lives; one that says nothing is asked. */
static void look(struct ws_client *w)
{
	if (w->heard) {
		w->awaiting = false;
	} else if (w->awaiting) {
		client_fail(&w->base, ERR_TIMEOUT,
			    "the server does not answer");
		return;
	} else if (w->state == STATE_OPEN) {
		w->awaiting = true;
		if (add_frame(w, WS_PING, slice_of("", 0)) == ERR_OK)
			client_mark_dirty(&w->base);
	}
	w->heard = false;
	arm_ping(w);
}

static void on_ping(struct timer *t)
{
	struct ws_client *w = container_of(t, struct ws_client, ping);

	client_enter(&w->base);
	look(w);
	client_exit(&w->base);
}

/* Operations */

static enum err ws_client_start(struct client *c)
{
	struct ws_client *w = of_client(c);
	enum err e;

	w->state = STATE_HANDSHAKE;
	w->heard = true;
	w->awaiting = false;
	timer_init(&w->ping, on_ping);
	w->conn.io.fd = -1;
	buf_init(&w->out, CLIENT_OUT_MAX);
	ws_receiver_init(&w->receiver, false, CLIENT_MESSAGE_MAX);
	w->handshake = xcalloc(1, sizeof(*w->handshake));
	http1_parser_init(&w->handshake->parser);
	ws_key_new(w->handshake->key);
	e = add_request(w);
	if (e)
		return e;
	arm_ping(w);
	return conn_connect(&w->conn, c->env->loop, c->options.host,
			    c->options.port, c->options.local, &conn_callbacks);
}

static void ws_client_command(struct client *c,
			      const struct client_command *cmd)
{
	struct slice object;
	enum err e = raw_command(c->env, cmd, &object);

	if (!e)
		e = add_frame(of_client(c), WS_TEXT, object);
	if (e)
		client_fail(c, e, "the server does not read what is sent");
}

static void ws_client_flush(struct client *c)
{
	flush(of_client(c));
}

static void ws_client_close(struct client *c)
{
	struct ws_client *w = of_client(c);

	send_close(w, WS_CLOSE_NORMAL, "");
	w->state = STATE_ENDED;
	timer_cancel(&w->ping);
	conn_close(&w->conn);
}

static void ws_client_release(struct client *c)
{
	struct ws_client *w = of_client(c);

	handshake_free(w);
	ws_receiver_release(&w->receiver, c->env->pool);
	buf_release(&w->out);
}

static enum err ws_client_restart(struct client *c)
{
	ws_client_release(c);
	return ws_client_start(c);
}

static void ws_client_resume(struct client *c)
{
	struct buf *b = &c->env->command;
	enum err e;

	buf_clear(b);
	e = recovery_add_resume(c->recovery, b, CLIENT_RESUME_ID);
	if (!e)
		e = add_frame(of_client(c), WS_TEXT, buf_slice(b));
	if (e)
		client_fail(c, e, "the server does not read what is sent");
	else
		client_mark_dirty(c);
}

const struct client_ops client_ws = {
	.name = "ws",
	.path = "/ws",
	.start = ws_client_start,
	.restart = ws_client_restart,
	.resume = ws_client_resume,
	.command = ws_client_command,
	.flush = ws_client_flush,
	.close = ws_client_close,
	.release = ws_client_release,
	.size = sizeof(struct ws_client),
};

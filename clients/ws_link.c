/* SPDX-License-Identifier: MIT */
#include "clients/ws_link.h"

#include "clients/env.h"
#include "clients/ws_opening.h"

/* Pongs may fall behind a server that does not read; the newest will do. */
#define PONG_BACKLOG 65536

static bool alive(const struct ws_link *l)
{
	return l->state != WS_LINK_ENDED && !l->client->closed;
}

static void lose(struct ws_link *l, enum err err, const char *why)
{
	if (l->state == WS_LINK_ENDED)
		return;
	l->state = WS_LINK_ENDED;
	conn_close(&l->conn);
	l->ops->on_lost(l, err, why);
}

/* Sending */

enum err ws_link_send(struct ws_link *l, enum ws_opcode opcode,
		      struct slice payload)
{
	uint8_t header[WS_HEADER_MAX];
	uint8_t mask[4];
	size_t n;
	size_t start;
	enum err e;

	client_mask(l->client, mask);
	n = ws_header(header, true, 0, opcode, payload.n, mask);
	e = buf_reserve(&l->out, n + payload.n);
	if (e)
		return e;
	memcpy(l->out.data + l->out.len, header, n);
	start = l->out.len + n;
	if (payload.n > 0)
		memcpy(l->out.data + start, payload.p, payload.n);
	ws_mask((uint8_t *)l->out.data + start, payload.n, mask, 0);
	l->out.len = start + payload.n;
	return ERR_OK;
}

void ws_link_flush(struct ws_link *l)
{
	enum err e;

	if (l->state == WS_LINK_ENDED || l->conn.connecting)
		return;
	e = client_write(l->client, &l->conn, &l->out);
	if (e)
		lose(l, e, "the connection was lost");
}

/* Sends a close frame if the socket takes it, and no frame after it. */
static void send_close(struct ws_link *l, unsigned code, const char *why)
{
	if (l->state != WS_LINK_OPEN)
		return;
	l->state = WS_LINK_ENDED;
	if (ws_add_close(&l->out, code, slice_str(why), true) != ERR_OK)
		return;
	/* Whether it went matters to nobody: the link ends either way. */
	(void)!client_write(l->client, &l->conn, &l->out);
}

/* Frames in */

static void on_close_frame(struct ws_link *l, struct slice payload)
{
	struct slice reason;
	unsigned code;

	ws_close_parse(payload, &code, &reason);
	send_close(l, code, "");
	conn_close(&l->conn);
	l->ops->on_close(l, code, reason);
}

static bool on_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct ws_link *l = arg;

	switch (opcode) {
	case WS_PING:
		if (l->out.len < PONG_BACKLOG &&
		    ws_link_send(l, WS_PONG, payload) == ERR_OK)
			client_mark_dirty(l->client);
		break;
	case WS_CLOSE:
		on_close_frame(l, payload);
		break;
	default:
		l->ops->on_frame(l, opcode, payload);
		break;
	}
	return alive(l);
}

size_t ws_link_decode(struct client_env *env, struct slice chunk,
		      struct client_message *out, size_t max,
		      ws_link_text_fn *read)
{
	size_t count = 0;

	while (chunk.n > 0) {
		enum ws_opcode opcode;
		struct slice payload;
		size_t n = ws_peek_plain(chunk, &opcode, &payload);

		if (n == 0 || opcode != WS_TEXT || count == max ||
		    !read(env, payload, &out[count]))
			return 0;
		count++;
		chunk = slice_after(chunk, n);
	}
	return count;
}

/* Returns whether the memo knew the chunk. */
static bool take_frames(struct ws_link *l, struct slice bytes)
{
	static const struct ws_events events = {.on_frame = on_frame};
	struct client *c = l->client;
	enum memo_result memo = MEMO_REFUSED;
	const char *why = "";
	unsigned code = 0;
	enum err e;

	if (l->decode && ws_receiver_idle(&l->receiver))
		memo = memo_deliver(&c->env->memo, c, bytes, l->decode);
	if (memo != MEMO_REFUSED)
		return memo == MEMO_KNOWN;
	e = ws_receiver_feed(&l->receiver, c->env->pool, bytes, &events, l,
			     &code, &why);
	if (e && alive(l)) {
		send_close(l, code, why);
		conn_close(&l->conn);
		l->ops->on_lost(l, e, why);
	}
	return false;
}

/* Opening handshake */

static void take_opening(struct ws_link *l, struct slice bytes)
{
	struct ws_opening *h = l->opening;
	const char *why = "";
	size_t used;
	enum err e = ws_opening_feed(h, bytes, &used, &why);

	if (e == ERR_AGAIN)
		return;
	if (e) {
		l->status = e == ERR_REFUSED ? h->status : 0;
		lose(l, e, why);
		return;
	}
	if (h->deflate.on)
		ws_receiver_deflate(&l->receiver, h->deflate.keeps_context);
	ws_opening_free(h);
	l->opening = NULL;
	l->state = WS_LINK_OPEN;
	l->ops->on_open(l);
	bytes = slice_after(bytes, used);
	if (bytes.n > 0 && alive(l))
		(void)take_frames(l, bytes);
}

/* Connection */

static void receive(struct ws_link *l)
{
	struct slice bytes;
	bool drained;
	bool known;
	enum err e;

	do {
		e = client_read(l->client, &l->conn, &bytes, &drained);
		if (e == ERR_AGAIN)
			return;
		if (e) {
			lose(l, e, "the connection was lost");
			return;
		}
		known = false;
		l->heard = true;
		if (l->state == WS_LINK_OPENING)
			take_opening(l, bytes);
		else
			known = take_frames(l, bytes);
		/*
		 * A known chunk is the fast path: one read and no more. After
		 * any other the end of the stream may be waiting.
		 */
	} while (alive(l) && !(known && drained));
}

static void on_readable(struct conn *conn)
{
	struct ws_link *l = container_of(conn, struct ws_link, conn);
	struct client *c = l->client;

	client_enter(c);
	receive(l);
	client_exit(c);
}

static void on_writable(struct conn *conn)
{
	struct ws_link *l = container_of(conn, struct ws_link, conn);
	struct client *c = l->client;

	client_enter(c);
	ws_link_flush(l);
	client_exit(c);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct ws_link *l = container_of(conn, struct ws_link, conn);
	struct client *c = l->client;
	bool connecting = conn->connecting;

	client_enter(c);
	lose(l, why, connecting ? "cannot connect" : "the connection was lost");
	client_exit(c);
}

static const struct conn_ops conn_callbacks = {on_readable, on_writable,
					       on_gone};

/* Life cycle */

void ws_link_init(struct ws_link *l, struct client *client,
		  const struct ws_link_ops *ops)
{
	*l = (struct ws_link){
		.client = client, .ops = ops, .state = WS_LINK_ENDED};
	l->conn.io.fd = -1;
	buf_init(&l->out, CLIENT_OUT_MAX);
	ws_receiver_init(&l->receiver, false, CLIENT_MESSAGE_MAX);
}

enum err ws_link_connect(struct ws_link *l, struct slice target, bool deflate)
{
	const struct client_options *o = &l->client->options;
	enum err e;

	l->state = WS_LINK_OPENING;
	l->opening = ws_opening_new(deflate);
	e = ws_opening_add_request(l->opening, &l->out, o, target);
	if (!e)
		e = conn_connect(&l->conn, l->client->env->loop, o->host,
				 o->port, o->local, &conn_callbacks);
	if (e)
		l->state = WS_LINK_ENDED;
	return e;
}

void ws_link_close(struct ws_link *l, unsigned code, const char *why)
{
	send_close(l, code, why);
	l->state = WS_LINK_ENDED;
	conn_close(&l->conn);
}

void ws_link_release(struct ws_link *l)
{
	ws_opening_free(l->opening);
	l->opening = NULL;
	ws_receiver_release(&l->receiver, l->client->env->pool);
	buf_release(&l->out);
}

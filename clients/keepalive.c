/* SPDX-License-Identifier: MIT */
#include "clients/keepalive.h"

/* The end of the link */

static void end_link(struct keepalive *k)
{
	conn_close(&k->conn);
	timer_cancel(&k->idle);
	buf_clear(&k->out);
	k->in_flight = 0;
}

static void forget_answer(struct keepalive *k)
{
	http1_parser_release(&k->parser);
	http1_parser_init(&k->parser);
	k->in_answer = false;
	k->done = false;
}

/* A link on which nothing is in flight may end at any time: no loss. */
static void lose(struct keepalive *k, enum err err, const char *why)
{
	unsigned lost = k->in_flight;

	end_link(k);
	forget_answer(k);
	if (lost > 0)
		k->ops->on_lost(k, lost, err, why);
}

static void on_idle(struct timer *t)
{
	struct keepalive *k = container_of(t, struct keepalive, idle);

	if (k->in_flight == 0)
		lose(k, ERR_OK, "");
}

/* Its owner may have closed it, or all of the client, in a callback. */
static bool stopped(const struct keepalive *k)
{
	return k->client->closed || !conn_open(&k->conn);
}

/* Answers */

static void on_head(void *arg, const struct http1_response *r)
{
	struct keepalive *k = arg;

	k->status = r->status;
	k->ends = !r->keep_alive;
	k->in_answer = true;
	k->piece = slice_of(NULL, 0);
	buf_clear(&k->body);
}

/* What came so far may lie in the input: it moves before the next bytes. */
static void keep_piece(struct keepalive *k)
{
	if (k->piece.n == 0 || k->body.len > 0)
		return;
	if (buf_add_slice(&k->body, k->piece) == ERR_OK)
		k->piece = buf_slice(&k->body);
	else
		client_fail(k->client, ERR_LIMIT, "an answer is too long");
}

static void on_body(void *arg, struct slice bytes)
{
	struct keepalive *k = arg;

	k->client->counts.body_in += bytes.n;
	if (k->piece.n == 0) {
		k->piece = bytes;
		return;
	}
	keep_piece(k);
	if (k->client->closed)
		return;
	if (buf_add_slice(&k->body, bytes) == ERR_OK)
		k->piece = buf_slice(&k->body);
	else
		client_fail(k->client, ERR_LIMIT, "an answer is too long");
}

static void on_end(void *arg)
{
	struct keepalive *k = arg;

	k->in_answer = false;
	k->done = true;
}

static const struct http1_handler handler = {on_head, on_body, on_end};

static void settle(struct keepalive *k)
{
	if (--k->in_flight == 0 && k->idle_ms)
		timer_arm(loop_wheel(k->client->env->loop), &k->idle,
			  k->idle_ms);
}

/* Hands out a whole answer. False when no more is to be read. */
static bool hand_out(struct keepalive *k)
{
	bool ends = k->ends;
	unsigned lost = 0;

	k->done = false;
	/* Nobody asked: a server may say 408 before it closes an idle link. */
	if (k->in_flight == 0) {
		lose(k, ERR_OK, "");
		return false;
	}
	settle(k);
	if (ends) {
		lost = k->in_flight;
		end_link(k);
	}
	k->ops->on_answer(k, k->status, k->piece);
	if (lost > 0 && !k->client->closed)
		k->ops->on_lost(k, lost, ERR_CLOSED,
				"the server closed the connection");
	if (k->body.cap > CLIENT_OUT_KEEP)
		buf_release(&k->body);
	return !ends && !stopped(k);
}

/* False when no more is to be read from this link. */
static bool take(struct keepalive *k, struct slice bytes)
{
	while (bytes.n > 0) {
		uint64_t body = k->client->counts.body_in;
		size_t used;
		enum err e = http1_parser_feed(&k->parser, bytes, &handler, k,
					       &used);

		if (k->client->closed)
			return false;
		if (e || k->parser.response.upgrade) {
			lose(k, ERR_PROTO, "the server does not speak HTTP");
			return false;
		}
		client_count_http(k->client, used, body);
		bytes = slice_after(bytes, used);
		if (k->done && !hand_out(k))
			return false;
	}
	if (k->in_answer)
		keep_piece(k);
	return !k->client->closed;
}

static bool take_whole(struct keepalive *k, struct slice bytes)
{
	if (k->in_answer || k->parser.head.len > 0 || k->in_flight != 1 ||
	    !k->ops->on_chunk || k->client->env->split)
		return false;
	/* The callback may send the next request already. */
	k->in_flight = 0;
	if (k->ops->on_chunk(k, bytes))
		return true;
	k->in_flight = 1;
	return false;
}

static void end_of_stream(struct keepalive *k, enum err err)
{
	if (err == ERR_CLOSED &&
	    http1_parser_eof(&k->parser, &handler, k) == ERR_OK && k->done) {
		k->ends = true;
		(void)hand_out(k);
		return;
	}
	lose(k, err, "the server closed the connection");
}

static void receive(struct keepalive *k)
{
	struct slice bytes;
	bool drained;

	for (;;) {
		enum err e = client_read(k->client, &k->conn, &bytes, &drained);

		if (e == ERR_AGAIN)
			return;
		if (e) {
			end_of_stream(k, e);
			return;
		}
		/* As in ws: a known chunk costs one read and no more. */
		if (take_whole(k, bytes)) {
			if (drained || stopped(k))
				return;
			continue;
		}
		if (!take(k, bytes))
			return;
	}
}

/* Link */

static void on_readable(struct conn *conn)
{
	struct keepalive *k = container_of(conn, struct keepalive, conn);
	struct client *c = k->client;

	client_enter(c);
	receive(k);
	client_exit(c);
}

static void on_writable(struct conn *conn)
{
	struct keepalive *k = container_of(conn, struct keepalive, conn);
	struct client *c = k->client;

	client_enter(c);
	keepalive_flush(k);
	client_exit(c);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct keepalive *k = container_of(conn, struct keepalive, conn);
	struct client *c = k->client;
	bool connecting = conn->connecting;

	client_enter(c);
	lose(k, why, connecting ? "cannot connect" : "the connection was lost");
	client_exit(c);
}

static const struct conn_ops conn_callbacks = {on_readable, on_writable,
					       on_gone};

/* Life cycle */

void keepalive_init(struct keepalive *k, struct client *client,
		    const struct keepalive_ops *ops, unsigned idle_ms)
{
	*k = (struct keepalive){
		.client = client, .ops = ops, .idle_ms = idle_ms};
	k->conn.io.fd = -1;
	http1_parser_init(&k->parser);
	buf_init(&k->out, CLIENT_OUT_MAX);
	buf_init(&k->body, CLIENT_MESSAGE_MAX);
	timer_init(&k->idle, on_idle);
}

void keepalive_close(struct keepalive *k)
{
	end_link(k);
}

void keepalive_release(struct keepalive *k)
{
	http1_parser_release(&k->parser);
	buf_release(&k->out);
	buf_release(&k->body);
}

/* Operations */

enum err keepalive_add(struct keepalive *k, struct slice head,
		       struct slice body)
{
	enum err e = buf_reserve(&k->out, head.n + body.n);

	if (!e)
		e = buf_add_slice(&k->out, head);
	if (!e)
		e = buf_add_slice(&k->out, body);
	if (e)
		return e;
	k->client->counts.http_out += head.n;
	k->in_flight++;
	timer_cancel(&k->idle);
	return ERR_OK;
}

enum err keepalive_connect(struct keepalive *k)
{
	const struct client_options *o = &k->client->options;

	forget_answer(k);
	return conn_connect(&k->conn, k->client->env->loop, o->host, o->port,
			    o->local, &conn_callbacks);
}

void keepalive_flush(struct keepalive *k)
{
	enum err e = ERR_OK;

	if (k->out.len == 0)
		return;
	if (!conn_open(&k->conn))
		e = keepalive_connect(k);
	else
		e = client_write(k->client, &k->conn, &k->out);
	if (e)
		lose(k, e, "the connection was lost");
}

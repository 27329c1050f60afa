/* SPDX-License-Identifier: MIT */
/* The subscribers of plain.h that ask again and again. */
#include "bench/load/plain.h"
#include "clients/env.h"
#include "clients/whole.h"
#include "servers/base/check.h"

#define CURSOR_MAX 1024 /* bytes of a header that names a message */

/*
 * An answer's head names its message by two headers, which the next request
 * repeats. In the memo they are the message's `offset` and `from`.
 */
struct poll_client {
	struct client base;
	struct conn conn;
	struct http1_parser http;
	struct buf request;	   /* what the socket has not taken */
	struct buf body;	   /* of the answer at hand */
	struct buf etag, modified; /* of the newest message */
	struct timer later;	   /* until it counts as open, or asks again */
	uint64_t asked_ms;	   /* when the newest request left */
	unsigned status; /* of the answer at hand; 0: between answers */
	bool ends;	 /* the server closes after it */
	bool over;	 /* its end was met */
};

static struct poll_client *of_client(struct client *c)
{
	return container_of(c, struct poll_client, base);
}

/* Whether it asks at intervals for what is there, instead of waiting for it. */
static bool at_intervals(const struct poll_client *p)
{
	return p->base.options.poll_ms > 0;
}

/* Requests */

static enum err add_header(struct buf *b, const char *name,
			   const struct buf *value)
{
	if (value->len == 0)
		return ERR_OK;
	return buf_printf(b, "%s: %.*s\r\n", name, SLICE_ARG(buf_slice(value)));
}

static enum err build_request(struct poll_client *p)
{
	struct buf *b = &p->request;
	enum err e = buf_add_str(b, "GET ");

	if (!e)
		e = client_add_target(b, &p->base.options, client_poll.path, "",
				      true);
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, &p->base.options);
	if (!e)
		e = add_header(b, "If-None-Match", &p->etag);
	if (!e)
		e = add_header(b, "If-Modified-Since", &p->modified);
	return e ? e : buf_add_str(b, "\r\n");
}

static void send_request(struct poll_client *p)
{
	struct client *c = &p->base;
	enum err e = build_request(p);

	c->counts.http_out += p->request.len;
	p->asked_ms = loop_now_ms(c->env->loop);
	if (!e)
		e = client_write(c, &p->conn, &p->request);
	if (e)
		client_fail(c, e, "the connection was lost");
}

/*
 * One interval after the last request. The first wait is shorter, and another
 * one for each connection: those that open together do not ask together.
 */
static void ask_later(struct poll_client *p, bool first)
{
	const struct client *c = &p->base;
	uint64_t every = c->options.poll_ms, now = loop_now_ms(c->env->loop);
	uint64_t due = p->asked_ms + every;

	if (first)
		due = now +
		      every * ((unsigned)p->conn.io.fd * 40503U % 65536U) /
			      65536U;
	timer_arm(loop_wheel(c->env->loop), &p->later,
		  due > now ? due - now : 0);
}

/* Answers */

static void keep(struct buf *b, struct slice text)
{
	buf_clear(b);
	/* Too long a name is none: the ledger shows what comes of it. */
	if (buf_add_slice(b, text) != ERR_OK)
		buf_clear(b);
}

static struct slice header_of(const struct http1_response *r, const char *name)
{
	struct slice value;

	return http1_header(r->headers, name, &value) ? value : SLICE("");
}

static void on_head(void *arg, const struct http1_response *r)
{
	struct poll_client *p = arg;

	p->status = r->status;
	p->ends = !r->keep_alive || r->until_close;
	if (r->status != 200)
		return;
	keep(&p->etag, header_of(r, "ETag"));
	keep(&p->modified, header_of(r, "Last-Modified"));
}

static void on_body(void *arg, struct slice bytes)
{
	struct poll_client *p = arg;

	p->base.counts.body_in += bytes.n;
	if (buf_add_slice(&p->body, bytes) != ERR_OK)
		client_fail(&p->base, ERR_LIMIT, "an answer is too long");
}

static void on_end(void *arg)
{
	struct poll_client *p = arg;
	struct client *c = &p->base;
	struct client_message m = {.data = buf_slice(&p->body),
				   .object = buf_slice(&p->body)};

	if (c->closed)
		return;
	if (at_intervals(p) && !c->open &&
	    (p->status == 200 || p->status == 404)) {
		client_opened(c); /* and what was there before it is no news */
	} else if (p->status == 200) {
		c->counts.messages++;
		c->events->on_message(c, &m);
	} else if (p->status >= 400 && !(at_intervals(p) && p->status == 404)) {
		client_fail_status(c, p->status);
	}
	buf_clear(&p->body);
	p->status = 0;
	p->over = true;
	if (!c->closed && p->ends)
		client_fail(c, ERR_CLOSED, "the server closed the connection");
}

/* Of one whole answer with a message, for the memo. */
struct validators {
	struct slice etag, modified;
};

static void read_validators(void *arg, const struct http1_response *r)
{
	struct validators *v = arg;

	v->etag = header_of(r, "ETag");
	v->modified = header_of(r, "Last-Modified");
}

static size_t decode(struct client_env *env, struct slice chunk,
		     struct client_message *out, size_t max)
{
	struct validators v = {0};
	struct slice body;

	if (!whole_read(env, chunk, read_validators, &v, &body) || max == 0)
		return 0;
	*out = (struct client_message){.data = body,
				       .object = body,
				       .from = v.modified,
				       .offset = v.etag};
	return 1;
}

/* Thousands get the same answer: all but the first find it in the memo. */
static bool take_whole(struct poll_client *p, struct slice bytes)
{
	struct memo *memo = &p->base.env->memo;

	if (p->status != 0 || p->http.head.len > 0 || p->base.env->split ||
	    !p->base.open ||
	    memo_deliver(memo, &p->base, bytes, decode) == MEMO_REFUSED)
		return false;
	keep(&p->etag, memo->messages[0].offset);
	keep(&p->modified, memo->messages[0].from);
	return true;
}

/* Returns whether an answer is over, so that the next request is due. */
static bool take(struct poll_client *p, struct slice bytes)
{
	static const struct http1_handler handler = {on_head, on_body, on_end};

	if (take_whole(p, bytes))
		return !p->base.closed;
	p->over = false;
	while (bytes.n > 0 && !p->over && !p->base.closed) {
		uint64_t body = p->base.counts.body_in;
		size_t used;

		if (http1_parser_feed(&p->http, bytes, &handler, p, &used) !=
		    ERR_OK) {
			client_fail(&p->base, ERR_PROTO,
				    "the answer is not HTTP");
			return false;
		}
		client_count_http(&p->base, used, body);
		bytes = slice_after(bytes, used);
	}
	if (bytes.n > 0 && !p->base.closed)
		client_fail(&p->base, ERR_PROTO, "an answer nobody asked for");
	return p->over && !p->base.closed;
}

/* The connection's events */

static void go_on(struct poll_client *p, struct slice bytes)
{
	bool first = !p->base.open;

	if (!take(p, bytes))
		return;
	if (at_intervals(p))
		ask_later(p, first);
	else
		send_request(p);
}

static void receive(struct poll_client *p)
{
	struct client *c = &p->base;
	struct slice bytes;
	bool drained;

	while (!c->closed) {
		enum err e = client_read(c, &p->conn, &bytes, &drained);

		if (e == ERR_AGAIN)
			return;
		if (e)
			client_fail(c, e, "the server closed the connection");
		else
			go_on(p, bytes);
	}
}

static void on_readable(struct conn *conn)
{
	struct poll_client *p = container_of(conn, struct poll_client, conn);

	client_enter(&p->base);
	receive(p);
	client_exit(&p->base);
}

static void arm_settle(struct poll_client *p)
{
	const struct client *c = &p->base;

	timer_arm(loop_wheel(c->env->loop), &p->later,
		  PLAIN_SETTLE_MS + c->options.way_ms);
}

static void on_writable(struct conn *conn)
{
	struct poll_client *p = container_of(conn, struct poll_client, conn);
	struct client *c = &p->base;
	enum err e;

	client_enter(c);
	e = client_write(c, conn, &p->request);
	if (e)
		client_fail(c, e, "the connection was lost");
	else if (!c->open && !at_intervals(p) && p->request.len == 0)
		arm_settle(p);
	client_exit(c);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct poll_client *p = container_of(conn, struct poll_client, conn);

	client_enter(&p->base);
	client_fail(&p->base, why, "the connection was lost");
	client_exit(&p->base);
}

static const struct conn_ops conn_callbacks = {on_readable, on_writable,
					       on_gone};

static void on_later(struct timer *t)
{
	struct poll_client *p = container_of(t, struct poll_client, later);

	client_enter(&p->base);
	if (at_intervals(p))
		send_request(p);
	else if (conn_unacked(&p->conn) > 0)
		arm_settle(p); /* lost on its way, or not there yet */
	else
		client_opened(&p->base);
	client_exit(&p->base);
}

/* Operations */

static enum err start(struct client *c)
{
	struct poll_client *p = of_client(c);
	enum err e;

	p->conn.io.fd = -1;
	http1_parser_init(&p->http);
	buf_init(&p->request, CLIENT_OUT_MAX);
	buf_init(&p->body, CLIENT_MESSAGE_MAX);
	buf_init(&p->etag, CURSOR_MAX);
	buf_init(&p->modified, CURSOR_MAX);
	timer_init(&p->later, on_later);
	e = build_request(p);
	return e ? e
		 : conn_connect(&p->conn, c->env->loop, c->options.host,
				c->options.port, c->options.local,
				&conn_callbacks);
}

static void command(struct client *c, const struct client_command *cmd)
{
	if (cmd->id != 0)
		c->events->on_answer(c, cmd->id, false,
				     SLICE("not possible here"));
}

static void flush(struct client *c)
{
	(void)c;
}

static void close_conn(struct client *c)
{
	timer_cancel(&of_client(c)->later);
	conn_close(&of_client(c)->conn);
}

static void release(struct client *c)
{
	struct poll_client *p = of_client(c);

	http1_parser_release(&p->http);
	buf_release(&p->request);
	buf_release(&p->body);
	buf_release(&p->etag);
	buf_release(&p->modified);
}

const struct client_ops client_poll = {
	.name = "poll",
	.path = "/poll",
	.start = start,
	.command = command,
	.flush = flush,
	.close = close_conn,
	.release = release,
	.size = sizeof(struct poll_client),
};

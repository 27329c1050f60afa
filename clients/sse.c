/* SPDX-License-Identifier: MIT */
/*
 * Server-Sent Events: the stream on one connection, commands by POST on a
 * second one.
 */
#include <stdlib.h>

#include "clients/env.h"
#include "clients/keepalive.h"
#include "clients/raw.h"
#include "servers/base/check.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

#define SID_MAX 128	  /* characters of a session's secret id */
#define HEAD_MAX 2048	  /* bytes of a command's request head */
#define POST_IDLE_MS 5000 /* idle connections cost the server memory */

/* The client's side of the session: exists once a command was sent. */
struct commands {
	struct sse_client *stream; /* borrowed */
	struct keepalive link;
	struct buf head; /* of a request, up to the body's length */
	struct buf ids;	 /* uint64_t each: in flight, oldest first */
};

struct sse_client {
	struct client base;
	struct conn conn;
	struct http1_parser *http; /* owned; NULL once bytes are events */
	struct sse_parser events;
	struct buf request;
	struct commands *commands; /* owned; NULL until the first */
	char *sid;		   /* owned; NULL until welcomed */
};

static struct sse_client *of_client(struct client *c)
{
	return container_of(c, struct sse_client, base);
}

/* Events in */

static enum err add_member(struct buf *b, const char *before, struct slice text)
{
	enum err e = buf_add_str(b, before);

	return e ? e : json_add_string(b, text);
}

static void on_raw_event(struct sse_client *s, const struct sse_event *event)
{
	struct buf *b = &s->base.env->text;
	enum err e;

	buf_clear(b);
	e = add_member(b, "{\"type\":", event->type);
	if (!e)
		e = add_member(b, ",\"data\":", event->data);
	if (!e)
		e = add_member(b, ",\"lastEventId\":", event->last_event_id);
	if (!e)
		e = buf_add_char(b, '}');
	if (!e)
		s->base.events->on_object(&s->base, buf_slice(b));
}

/* The secret id out of the welcome, which a URL must be able to carry. */
static void take_sid(struct sse_client *s, struct slice text)
{
	struct slice payload, value, sid;

	if (s->sid || !json_validate(text) ||
	    !json_member(text, "payload", &payload) ||
	    !json_member(payload, "sid", &value) ||
	    json_string(value, &s->base.env->strings, &sid) != ERR_OK)
		return;
	if (sid.n == 0 || sid.n > SID_MAX)
		return;
	for (size_t i = 0; i < sid.n; i++)
		if (sid.p[i] <= ' ' || sid.p[i] > '~' ||
		    strchr("/?#%\\", sid.p[i]))
			return;
	s->sid = xmemdupz(sid.p, sid.n);
}

static void on_event(void *arg, const struct sse_event *event)
{
	struct sse_client *s = arg;

	if (s->base.closed)
		return;
	if (s->base.options.raw) {
		on_raw_event(s, event);
		return;
	}
	if (slice_is(event->type, "welcome"))
		take_sid(s, event->data);
	raw_object(&s->base, event->data);
}

/* Nothing of an event is pending: the next chunk starts one. */
static bool is_idle(const struct sse_parser *p)
{
	return p->started && !p->saw_cr && !p->failed && !p->has_data &&
	       !p->has_id_next && p->line.len == 0 && p->type.text.n == 0;
}

struct decoding {
	struct client_env *env;
	struct slice chunk;
	struct client_message *out;
	size_t count, max;
	bool failed;
};

/* What lies in the parser's memory, and not in the chunk, would be gone. */
static bool lies_in(struct slice part, struct slice whole)
{
	return part.n > 0 && part.p >= whole.p &&
	       part.p + part.n <= whole.p + whole.n;
}

static void decode_event(void *arg, const struct sse_event *event)
{
	struct decoding *d = arg;

	if (d->failed || d->count == d->max ||
	    !lies_in(event->data, d->chunk) ||
	    !raw_message(d->env, event->data, &d->out[d->count]))
		d->failed = true;
	else
		d->count++;
}

static size_t decode_events(struct client_env *env, struct slice chunk,
			    struct client_message *out, size_t max)
{
	struct decoding d = {
		.env = env, .chunk = chunk, .out = out, .max = max};
	struct sse_parser *p = &env->sse;

	/* The parser is new, and would take a byte order mark for one. */
	if (chunk.p[0] != '\xef' &&
	    sse_parser_feed(p, chunk, decode_event, &d) == ERR_OK &&
	    is_idle(p) && !d.failed)
		return d.count;
	sse_parser_release(p);
	sse_parser_init(p, CLIENT_MESSAGE_MAX);
	return 0;
}

/* Returns whether the memo knew the bytes. */
static bool take_events(struct sse_client *s, struct slice bytes)
{
	struct client *c = &s->base;
	enum memo_result memo = MEMO_REFUSED;
	enum err e;

	/* The memo does not tell the events' ids, which recovery needs. */
	if (!c->options.raw && !c->recovery && is_idle(&s->events))
		memo = memo_deliver(&c->env->memo, c, bytes, decode_events);
	if (memo != MEMO_REFUSED)
		return memo == MEMO_KNOWN;
	e = sse_parser_feed(&s->events, bytes, on_event, s);
	if (e)
		client_fail(c, e, "an event is too long");
	return false;
}

/* The stream's HTTP */

static void on_head(void *arg, const struct http1_response *r)
{
	struct sse_client *s = arg;
	struct slice type;

	if (r->status != 200) {
		client_fail_status(&s->base, r->status);
		return;
	}
	if (!http1_header(r->headers, "Content-Type", &type) || type.n < 17 ||
	    memcmp(type.p, "text/event-stream", 17) != 0) {
		client_fail(&s->base, ERR_PROTO,
			    "the server did not answer with an event stream");
		return;
	}
	if (s->base.options.raw)
		client_opened(&s->base);
}

static void on_body(void *arg, struct slice bytes)
{
	struct sse_client *s = arg;

	if (!s->base.closed)
		(void)take_events(s, bytes);
}

static void on_end(void *arg)
{
	struct sse_client *s = arg;

	client_fail(&s->base, ERR_CLOSED, "the server ended the stream");
}

static void http_free(struct sse_client *s)
{
	if (!s->http)
		return;
	http1_parser_release(s->http);
	free(s->http);
	s->http = NULL;
}

static void take_http(struct sse_client *s, struct slice bytes)
{
	static const struct http1_handler handler = {on_head, on_body, on_end};

	while (bytes.n > 0 && !s->base.closed) {
		size_t used;
		enum err e =
			http1_parser_feed(s->http, bytes, &handler, s, &used);

		if (e) {
			client_fail(&s->base, e, "the answer is not HTTP");
			return;
		}
		bytes = slice_after(bytes, used);
	}
	/* Without framing all bytes to come are the stream's. */
	if (s->http->response.until_close)
		http_free(s);
}

/* Link */

static void receive(struct sse_client *s)
{
	struct client *c = &s->base;
	struct slice bytes;
	bool drained, known;
	enum err e;

	do {
		e = client_read(c, &s->conn, &bytes, &drained);
		if (e == ERR_AGAIN)
			return;
		if (e) {
			client_fail(c, e, "the server ended the stream");
			return;
		}
		known = false;
		if (s->http)
			take_http(s, bytes);
		else
			known = take_events(s, bytes);
		/* As in ws: a known chunk costs one read and no more. */
	} while (!c->closed && !(known && drained));
}

static void on_readable(struct conn *conn)
{
	struct sse_client *s = container_of(conn, struct sse_client, conn);

	client_enter(&s->base);
	receive(s);
	client_exit(&s->base);
}

static void on_writable(struct conn *conn)
{
	struct sse_client *s = container_of(conn, struct sse_client, conn);
	enum err e;

	client_enter(&s->base);
	e = client_write(&s->base, conn, &s->request);
	if (e)
		client_fail(&s->base, e, "the connection was lost");
	else if (s->request.len == 0)
		buf_release(&s->request);
	client_exit(&s->base);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct sse_client *s = container_of(conn, struct sse_client, conn);
	bool connecting = conn->connecting;

	client_enter(&s->base);
	client_fail(&s->base, why,
		    connecting ? "cannot connect" : "the connection was lost");
	client_exit(&s->base);
}

static const struct conn_ops conn_callbacks = {on_readable, on_writable,
					       on_gone};

/* Commands */

static uint64_t pop_id(struct commands *q)
{
	uint64_t id = 0;

	if (q->ids.len >= sizeof(id)) {
		memcpy(&id, q->ids.data, sizeof(id));
		buf_consume(&q->ids, sizeof(id));
	}
	return id;
}

static void on_answer(struct keepalive *k, unsigned status, struct slice body)
{
	struct commands *q = container_of(k, struct commands, link);
	struct client *c = &q->stream->base;
	uint64_t id = pop_id(q);
	struct envelope e;
	const char *why;

	if (id == 0 || c->closed)
		return;
	if (envelope_decode(body, &c->env->strings, &e, &why) != ERR_OK)
		e = (struct envelope){.data = body, .payload = body};
	/* Errors that are not the dialect's, 404 say, have another shape. */
	if (status == 200 && e.type == ENVELOPE_ACK)
		c->events->on_answer(c, id, true, e.data);
	else
		c->events->on_answer(c, id, false,
				     e.type == ENVELOPE_ERROR ? e.payload
							      : body);
}

static void on_lost(struct keepalive *k, unsigned lost, enum err err,
		    const char *why)
{
	struct commands *q = container_of(k, struct commands, link);
	struct client *c = &q->stream->base;

	(void)err;
	for (; lost > 0 && !c->closed; lost--) {
		uint64_t id = pop_id(q);

		if (id != 0)
			c->events->on_answer(c, id, false, slice_str(why));
	}
}

static const struct keepalive_ops link_callbacks = {
	.on_answer = on_answer,
	.on_lost = on_lost,
};

/* Where commands go: next to the stream, below its path. */
static enum err add_post_head(struct buf *b, const struct client_options *o,
			      const char *sid)
{
	const char *path = o->path ? o->path : client_sse.path;
	size_t n = strcspn(path, "?");
	enum err e;

	while (n > 0 && path[n - 1] == '/')
		n--;
	e = buf_printf(b, "POST %.*s/%s HTTP/1.1\r\n", (int)n, path, sid);
	if (!e)
		e = client_add_host(b, o);
	if (!e)
		e = buf_add_str(b, "Content-Type: application/json\r\n"
				   "Content-Length: ");
	return e;
}

static enum err commands_new(struct sse_client *s)
{
	struct commands *q = xcalloc(1, sizeof(*q));

	q->stream = s;
	keepalive_init(&q->link, &s->base, &link_callbacks, POST_IDLE_MS);
	buf_init(&q->head, HEAD_MAX);
	buf_init(&q->ids, CLIENT_OUT_MAX);
	s->commands = q;
	return add_post_head(&q->head, &s->base.options, s->sid);
}

static enum err add_command(struct sse_client *s,
			    const struct client_command *cmd)
{
	struct commands *q = s->commands;
	size_t fixed = q->head.len;
	struct slice object;
	enum err e = raw_command(s->base.env, cmd, &object);

	if (!e)
		e = buf_printf(&q->head, "%zu\r\n\r\n", object.n);
	if (!e)
		e = keepalive_add(&q->link, buf_slice(&q->head), object);
	q->head.len = fixed;
	if (!e)
		e = buf_add(&q->ids, &cmd->id, sizeof(cmd->id));
	return e;
}

/* Operations */

static enum err add_last_id(struct buf *b, const struct recovery *r)
{
	if (!r || r->last_id.len == 0)
		return ERR_OK;
	return buf_printf(b, "Last-Event-ID: %.*s\r\n",
			  SLICE_ARG(buf_slice(&r->last_id)));
}

static enum err add_request(struct sse_client *s)
{
	const struct recovery *r = s->base.recovery;
	const struct client_options o =
		r ? recovery_options(r) : s->base.options;
	enum err e = buf_add_str(&s->request, "GET ");

	if (!e)
		e = client_add_target(&s->request, &o, client_sse.path, "",
				      !o.raw);
	if (!e)
		e = buf_add_str(&s->request, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(&s->request, &o);
	if (!e)
		e = buf_add_str(&s->request, "Accept: text/event-stream\r\n"
					     "Cache-Control: no-store\r\n");
	if (!e)
		e = add_last_id(&s->request, r);
	if (!e)
		e = buf_add_str(&s->request, "\r\n");
	return e;
}

static enum err sse_client_start(struct client *c)
{
	struct sse_client *s = of_client(c);
	enum err e;

	s->conn.io.fd = -1;
	sse_parser_init(&s->events, CLIENT_MESSAGE_MAX);
	buf_init(&s->request, CLIENT_OUT_MAX);
	s->http = xcalloc(1, sizeof(*s->http));
	http1_parser_init(s->http);
	if (c->recovery) {
		e = sse_parser_continue(&s->events,
					buf_slice(&c->recovery->last_id));
		if (e)
			return e;
	}
	e = add_request(s);
	if (e)
		return e;
	return conn_connect(&s->conn, c->env->loop, c->options.host,
			    c->options.port, c->options.local, &conn_callbacks);
}

static void sse_client_command(struct client *c,
			       const struct client_command *cmd)
{
	struct sse_client *s = of_client(c);
	enum err e = ERR_OK;

	if (!s->sid) {
		client_fail(c, ERR_PROTO, "the server takes no commands");
		return;
	}
	if (!s->commands)
		e = commands_new(s);
	if (!e)
		e = add_command(s, cmd);
	if (e)
		client_fail(c, e, "the server does not read what is sent");
}

static void sse_client_flush(struct client *c)
{
	struct sse_client *s = of_client(c);

	if (s->commands)
		keepalive_flush(&s->commands->link);
}

static void sse_client_close(struct client *c)
{
	struct sse_client *s = of_client(c);

	conn_close(&s->conn);
	if (c->recovery && s->events.has_retry)
		c->recovery->retry_ms = s->events.retry_ms;
	if (s->commands)
		keepalive_close(&s->commands->link);
}

static void sse_client_release(struct client *c)
{
	struct sse_client *s = of_client(c);

	http_free(s);
	sse_parser_release(&s->events);
	buf_release(&s->request);
	if (s->commands) {
		keepalive_release(&s->commands->link);
		buf_release(&s->commands->head);
		buf_release(&s->commands->ids);
		free(s->commands);
		s->commands = NULL;
	}
	free(s->sid);
	s->sid = NULL;
}

static enum err sse_client_restart(struct client *c)
{
	struct sse_client *s = of_client(c);
	struct recovery *r = c->recovery;

	buf_clear(&r->last_id);
	/* Without an id there is nothing to resume from, and that is said. */
	if (buf_add_slice(&r->last_id, sse_parser_last_id(&s->events)))
		buf_clear(&r->last_id);
	sse_client_release(c);
	return sse_client_start(c);
}

const struct client_ops client_sse = {
	.name = "sse",
	.path = "/sse",
	.start = sse_client_start,
	.restart = sse_client_restart,
	.command = sse_client_command,
	.flush = sse_client_flush,
	.close = sse_client_close,
	.release = sse_client_release,
	.size = sizeof(struct sse_client),
};

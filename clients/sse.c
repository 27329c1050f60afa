/* SPDX-License-Identifier: MIT */
/* Server-Sent Events: the stream on one connection. */
#include "clients/sse.h"

#include <stdlib.h>

#include "clients/raw.h"
#include "servers/base/check.h"
#include "servers/wire/json.h"

#define SID_MAX 128 /* characters of a session's secret id */

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
	if (s->base.options.plain) {
		raw_plain(&s->base, event->data);
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
	bool (*read)(struct client_env *env, struct slice text,
		     struct client_message *out);
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
	    !d->read(d->env, event->data, &d->out[d->count]))
		d->failed = true;
	else
		d->count++;
}

static size_t decode_all(struct decoding *d)
{
	struct sse_parser *p = &d->env->sse;

	/* The parser is new, and would take a byte order mark for one. */
	if (d->chunk.p[0] != '\xef' &&
	    sse_parser_feed(p, d->chunk, decode_event, d) == ERR_OK &&
	    is_idle(p) && !d->failed)
		return d->count;
	sse_parser_release(p);
	sse_parser_init(p, CLIENT_MESSAGE_MAX);
	return 0;
}

static size_t decode_events(struct client_env *env, struct slice chunk,
			    struct client_message *out, size_t max)
{
	struct decoding d = {.env = env,
			     .chunk = chunk,
			     .out = out,
			     .max = max,
			     .read = raw_message};

	return decode_all(&d);
}

static size_t decode_plain(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	struct decoding d = {.env = env,
			     .chunk = chunk,
			     .out = out,
			     .max = max,
			     .read = raw_plain_message};

	return decode_all(&d);
}

/* Returns whether the memo knew the bytes. */
static bool take_events(struct sse_client *s, struct slice bytes)
{
	struct client *c = &s->base;
	enum memo_result memo = MEMO_REFUSED;
	enum err e;

	/* The memo does not tell the events' ids, which recovery needs. */
	if (!c->options.raw && !c->recovery && is_idle(&s->events))
		memo = memo_deliver(&c->env->memo, c, bytes,
				    c->options.plain ? decode_plain
						     : decode_events);
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

	sse_handshake_head(s, r);
	if ((s->base.options.raw || s->base.options.plain) && !s->base.closed &&
	    !sse_handshake_moves(s))
		client_opened(&s->base);
}

static void on_body(void *arg, struct slice bytes)
{
	struct sse_client *s = arg;

	s->base.counts.body_in += bytes.n;
	if (!s->base.closed && !sse_handshake_moves(s))
		(void)take_events(s, bytes);
}

static void on_end(void *arg)
{
	struct sse_client *s = arg;

	if (!sse_handshake_moves(s))
		client_fail(&s->base, ERR_CLOSED,
			    "the server ended the stream");
}

static void take_http(struct sse_client *s, struct slice bytes)
{
	static const struct http1_handler handler = {on_head, on_body, on_end};

	while (bytes.n > 0 && !s->base.closed && !sse_handshake_moves(s)) {
		uint64_t body = s->base.counts.body_in;
		size_t used;
		enum err e =
			http1_parser_feed(s->http, bytes, &handler, s, &used);

		if (e) {
			client_fail(&s->base, e, "the answer is not HTTP");
			return;
		}
		client_count_http(&s->base, used, body);
		bytes = slice_after(bytes, used);
	}
	/* Without framing all bytes to come are the stream's. */
	if (s->http->response.until_close && !sse_handshake_moves(s))
		sse_handshake_done(s);
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
	} while (!c->closed && !sse_handshake_moves(s) && !(known && drained));
}

static void on_readable(struct conn *conn)
{
	struct sse_client *s = container_of(conn, struct sse_client, conn);

	client_enter(&s->base);
	receive(s);
	if (!s->base.closed && sse_handshake_moves(s))
		sse_handshake_follow(s, conn->ops);
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

/* Operations */

static enum err sse_client_start(struct client *c)
{
	struct sse_client *s = of_client(c);
	enum err e = ERR_OK;

	s->conn.io.fd = -1;
	sse_parser_init(&s->events, CLIENT_MESSAGE_MAX);
	sse_handshake_init(s);
	if (c->recovery)
		e = sse_parser_continue(&s->events,
					buf_slice(&c->recovery->last_id));
	return e ? e : sse_handshake_start(s, &conn_callbacks);
}

static void sse_client_command(struct client *c,
			       const struct client_command *cmd)
{
	sse_commands_add(of_client(c), cmd);
}

static void sse_client_flush(struct client *c)
{
	sse_commands_flush(of_client(c));
}

static void sse_client_close(struct client *c)
{
	struct sse_client *s = of_client(c);

	conn_close(&s->conn);
	if (c->recovery && s->events.has_retry)
		recovery_retry(c->recovery, s->events.retry_ms);
	sse_commands_close(s);
}

static void sse_client_release(struct client *c)
{
	struct sse_client *s = of_client(c);

	sse_handshake_release(s);
	sse_parser_release(&s->events);
	sse_commands_free(s);
	free(s->sid);
	s->sid = NULL;
}

static enum err sse_client_restart(struct client *c)
{
	struct sse_client *s = of_client(c);
	struct recovery *r = c->recovery;

	buf_clear(&r->last_id);
	/* Without an id there is nothing to resume from, and that is said. */
	if (!c->options.forget &&
	    buf_add_slice(&r->last_id, sse_parser_last_id(&s->events)))
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

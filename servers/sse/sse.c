/* SPDX-License-Identifier: MIT */
#include "servers/sse/sse.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/map.h"
#include "servers/base/random.h"
#include "servers/base/reaper.h"
#include "servers/core/hub.h"
#include "servers/dialect/dialect.h"
#include "servers/dialect/subscription.h"
#include "servers/wire/sse.h"

#define SID_PREFIX "/sse/"
#define LAST_ID_MAX 64
#define EVENT_STREAM "text/event-stream"
#define JSON_TYPE "application/json"

struct sse_backend {
	struct backend base;
	struct map by_sid;
	struct list connections;
	struct reaper reaper;
	bool draining;
};

struct sse_connection {
	struct transport transport;
	struct conn conn;
	struct timer heartbeat;
	struct list link; /* in sse_backend.connections, or dead */
	struct sse_backend *backend;
	struct session *session;
	struct dialect dialect;
	const char *why; /* the end's reason, for the app */
	char sid[SESSION_SID_CHARS + 1];
};

static struct slice sid_of(const struct sse_connection *c)
{
	return slice_of(c->sid, SESSION_SID_CHARS);
}

/* Ends the link now; the reaper frees the rest. */
static void end(struct sse_connection *c, const char *why)
{
	if (!conn_open(&c->conn))
		return;
	conn_close(&c->conn);
	http_adopted_closed(c->backend->base.env.http);
	timer_cancel(&c->heartbeat);
	c->transport.kicked = true;
	c->why = why;
	reaper_add(&c->backend->reaper, &c->link);
}

static void free_connection(struct list *link)
{
	struct sse_connection *c =
		list_entry(link, struct sse_connection, link);
	struct sse_backend *b = c->backend;

	if (c->session) {
		map_remove(&b->by_sid, sid_of(c));
		dialect_release(&c->dialect);
		hub_disconnect(c->session, c->why);
	}
	b->base.stats.connections--;
	transport_release(&c->transport);
	free(c);
}

/* Transport */

static void flush(struct transport *t)
{
	struct sse_connection *c =
		container_of(t, struct sse_connection, transport);
	bool closes = false;

	if (!conn_open(&c->conn))
		return;
	if (transport_write(t, &c->conn, &closes) != ERR_OK)
		end(c, "transport error");
	else if (closes)
		end(c, "server shutting down");
}

static void kick(struct transport *t, enum kick_reason why)
{
	struct sse_connection *c =
		container_of(t, struct sse_connection, transport);

	end(c, why == KICK_SLOW ? "too slow" : "server namespace disconnect");
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

/* Connection */

static void send_bytes(struct sse_connection *c, struct buf *bytes,
		       unsigned flags)
{
	transport_send_private(&c->transport, MSG_BYTES, buf_slice(bytes),
			       flags);
	buf_clear(bytes);
}

/* A client has nothing to say on this connection: read and forget. */
static void on_readable(struct conn *conn)
{
	struct sse_connection *c =
		container_of(conn, struct sse_connection, conn);
	char scratch[2048];
	size_t got;
	enum err e = conn_read(conn, scratch, sizeof(scratch), &got);

	if (e == ERR_OK && got == sizeof(scratch))
		conn_read_later(conn);
	else if (e != ERR_OK && e != ERR_AGAIN)
		end(c, "transport close");
}

static void on_writable(struct conn *conn)
{
	flush(&container_of(conn, struct sse_connection, conn)->transport);
}

static void on_gone(struct conn *conn, enum err why)
{
	(void)why;
	end(container_of(conn, struct sse_connection, conn), "transport close");
}

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

static void beat(struct timer *timer)
{
	struct sse_connection *c =
		container_of(timer, struct sse_connection, heartbeat);
	struct backend_env *env = &c->backend->base.env;

	timer_arm(loop_wheel(env->loop), timer, env->options->ping_interval_ms);
	/* A queue that is not empty is a heartbeat of its own. */
	if (c->transport.q.count == 0)
		transport_send_private(&c->transport, MSG_BYTES, SLICE(":\n\n"),
				       0);
}

/* A request between its arrival and the adoption of its socket. */
struct sse_pending {
	struct sse_backend *backend;
	struct subscription subscription;
	struct buf head;      /* response head and retry:, sent first */
	struct slice last_id; /* empty: none that we could have given */
	bool resumes;
};

static void send_welcome(struct sse_connection *c, struct slice last_id)
{
	struct hub *hub = c->transport.hub;
	char id[HUB_EPOCH_CHARS + 24];
	struct buf text, event;
	int n = snprintf(id, sizeof(id), "%s-%llu", hub->epoch,
			 (unsigned long long)hub->position);
	struct slice at = last_id.n > 0 ? last_id : slice_of(id, (size_t)n);

	buf_init(&text, BUF_UNLIMITED);
	buf_init(&event, BUF_UNLIMITED);
	dialect_welcome(c->session, sid_of(c), &text);
	CHECK(sse_add_event(&event, at, SLICE("welcome"), buf_slice(&text)) ==
	      ERR_OK);
	send_bytes(c, &event, 0);
	buf_release(&text);
	buf_release(&event);
}

/* Cuts "<epoch>-<position>"; anything else is an id of an unknown life. */
static struct slice parse_id(struct slice id, uint64_t *position)
{
	const char *dash = id.n > 0 ? memchr(id.p, '-', id.n) : NULL;
	char digits[24] = "";
	char *rest;
	size_t n;

	*position = 0;
	if (!dash)
		return (struct slice){0};
	n = (size_t)(id.p + id.n - dash) - 1;
	if (n == 0 || n >= sizeof(digits))
		return (struct slice){0};
	memcpy(digits, dash + 1, n);
	*position = strtoull(digits, &rest, 10);
	if (*rest != '\0')
		return (struct slice){0};
	return slice_of(id.p, (size_t)(dash - id.p));
}

/* Joins the rooms and replays what came after `last_id`, or tells the gap. */
static void resume(struct sse_connection *c, const struct subscription *sub,
		   struct slice last_id)
{
	struct slice *rooms = xcalloc(sub->rooms + 1, sizeof(*rooms));
	uint64_t position;
	struct slice epoch = parse_id(last_id, &position);

	for (size_t i = 0; i < sub->rooms; i++)
		rooms[i] = subscription_room(sub, i);
	/* A replay that does not fit the queue is told as a gap, too. */
	if (hub_resume(c->session, epoch, position, rooms, sub->rooms) !=
		    ERR_OK &&
	    hub_resume(c->session, (struct slice){0}, 0, rooms, sub->rooms) !=
		    ERR_OK)
		end(c, "resume failed");
	free(rooms);
}

static void join_rooms(struct sse_connection *c, const struct subscription *sub)
{
	struct buf error;

	buf_init(&error, BUF_UNLIMITED);
	subscription_join(sub, c->session, &error);
	if (error.len > 0)
		transport_send_private(&c->transport, MSG_TEXT,
				       buf_slice(&error), 0);
	buf_release(&error);
}

static void open_connection(struct sse_pending *p, int fd)
{
	struct sse_backend *b = p->backend;
	struct backend_env *env = &b->base.env;
	struct sse_connection *c = xcalloc(1, sizeof(*c));

	if (conn_adopt(&c->conn, env->loop, fd, &conn_ops) != ERR_OK) {
		http_adopted_closed(env->http);
		free(c);
		return;
	}
	c->backend = b;
	transport_init(&c->transport, &transport_ops, env->hub, &b->base.stats,
		       FORMAT_SSE);
	timer_init(&c->heartbeat, beat);
	timer_arm(loop_wheel(env->loop), &c->heartbeat,
		  env->options->ping_interval_ms);
	list_init(&c->link);
	list_append(&b->connections, &c->link);
	b->base.stats.connections++;
	send_bytes(c, &p->head, 0);
	if (subscription_connect(&p->subscription, env->hub, &c->transport,
				 &c->session) != ERR_OK) {
		end(c, "refused");
		return;
	}
	dialect_init(&c->dialect, c->session, env->options->max_chunked);
	random_id(c->sid, SESSION_SID_CHARS);
	map_put(&b->by_sid, sid_of(c), c);
	send_welcome(c, p->last_id);
	if (p->resumes)
		resume(c, &p->subscription, p->last_id);
	else
		join_rooms(c, &p->subscription);
}

static void on_adopted(void *arg, int fd, struct slice ahead)
{
	(void)ahead;
	if (fd >= 0)
		open_connection(arg, fd);
}

static void write_head(struct buf *head, struct http_request *r,
		       uint64_t retry_ms)
{
	CHECK(buf_add_str(head, "HTTP/1.1 200 OK\r\n"
				"Content-Type: " EVENT_STREAM "\r\n"
				"Cache-Control: no-store\r\n"
				"X-Accel-Buffering: no\r\n"
				"Connection: close\r\n") == ERR_OK);
	http_request_cors(r, head);
	CHECK(buf_add_str(head, "\r\n") == ERR_OK);
	CHECK(sse_add_retry(head, (unsigned)retry_ms) == ERR_OK);
}

/*
 * The id to resume from. One that we cannot have given is as good as one of an
 * unknown life: the client is told of the gap, and gets an id of ours.
 */
static void read_last_id(struct sse_pending *p, const struct http_request *r)
{
	struct slice id;

	p->resumes = http_request_header(r, "Last-Event-ID", &id) ||
		     http_request_query(r, "lastEventId", &id);
	if (!p->resumes || id.n > LAST_ID_MAX)
		return;
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return;
	p->last_id = id;
}

static void on_stream(struct http_request *r, void *arg)
{
	struct sse_backend *b = arg;
	struct sse_pending p = {.backend = b};

	if (b->draining) {
		http_respond_error(r, 503, "the server is going away");
		return;
	}
	if (http_request_method(r) == HTTP_HEAD) {
		http_respond(r, 200, EVENT_STREAM, (struct slice){0});
		return;
	}
	if (!subscription_read(&p.subscription, b->base.env.hub, r))
		return;
	read_last_id(&p, r);
	buf_init(&p.head, BUF_UNLIMITED);
	write_head(&p.head, r, b->base.env.options->retry_ms);
	http_adopt(r, false, NULL, 0, on_adopted, &p);
	buf_release(&p.head);
	subscription_release(&p.subscription);
}

/* POST /sse/<sid>: one object of the raw dialect, its answer in the body. */
static void on_command(struct http_request *r, void *arg)
{
	struct sse_backend *b = arg;
	struct slice sid =
		slice_after(http_request_path(r), sizeof(SID_PREFIX) - 1);
	struct sse_connection *c = map_get(&b->by_sid, sid);
	struct buf answer;
	unsigned status = 200;

	if (!c) {
		http_respond_error(r, 404, "unknown sid");
		return;
	}
	b->base.stats.received++;
	buf_init(&answer, BUF_UNLIMITED);
	if (!dialect_handle(&c->dialect, http_request_body(r), &answer))
		status = 400;
	else if (answer.len == 0)
		status = 204;
	http_respond(r, status, status == 204 ? NULL : JSON_TYPE,
		     buf_slice(&answer));
	buf_release(&answer);
}

/* Backend */

static void add_routes(struct sse_backend *b)
{
	struct http *http = b->base.env.http;

	http_route(http, &(struct http_route){.path = "/sse",
					      .methods = HTTP_GET | HTTP_HEAD,
					      .handle = on_stream,
					      .arg = b});
	http_route(http, &(struct http_route){
				 .path = SID_PREFIX,
				 .prefix = true,
				 .methods = HTTP_POST,
				 .max_body = b->base.env.options->max_payload,
				 .handle = on_command,
				 .arg = b});
}

static struct backend *sse_start(const struct backend_env *env)
{
	struct sse_backend *b = xcalloc(1, sizeof(*b));

	b->base.ops = &backend_sse;
	b->base.env = *env;
	map_init(&b->by_sid);
	list_init(&b->connections);
	reaper_init(&b->reaper, env->loop, free_connection);
	/* Without commands there is nothing that a stream could carry. */
	if (env->hub->app->commands)
		add_routes(b);
	return &b->base;
}

/* Tells every client when to come back, then ends its stream. */
static void sse_drain(struct backend *base)
{
	struct sse_backend *b = container_of(base, struct sse_backend, base);
	struct buf retry;

	b->draining = true;
	buf_init(&retry, BUF_UNLIMITED);
	CHECK(sse_add_retry(&retry, (unsigned)base->env.options->retry_ms) ==
	      ERR_OK);
	LIST_FOREACH (it, &b->connections)
		transport_send_private(
			&list_entry(it, struct sse_connection, link)->transport,
			MSG_BYTES, buf_slice(&retry), MSG_CLOSES);
	buf_release(&retry);
}

static void sse_stop(struct backend *base)
{
	struct sse_backend *b = container_of(base, struct sse_backend, base);

	LIST_FOREACH (it, &b->connections)
		end(list_entry(it, struct sse_connection, link),
		    "server shutting down");
	reaper_release(&b->reaper);
	map_release(&b->by_sid);
	free(b);
}

const struct backend_ops backend_sse = {
	.name = "sse",
	.start = sse_start,
	.drain = sse_drain,
	.stop = sse_stop,
};

/* SPDX-License-Identifier: MIT */
#include "servers/sse/sse.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/dialect/subscription.h"
#include "servers/sse/connection.h"
#include "servers/wire/sse.h"

#define LAST_ID_MAX 64
#define EVENT_STREAM "text/event-stream"

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
	dialect_welcome(c->session, sse_connection_sid(c), &text);
	CHECK(sse_add_event(&event, at, SLICE("welcome"), buf_slice(&text)) ==
	      ERR_OK);
	sse_connection_send(c, &event);
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

/* Joins the rooms and replays what came after `last_id`, or tells the gap. */
static void resume(struct sse_connection *c, const struct subscription *sub,
		   struct slice last_id)
{
	struct slice *rooms = xcalloc(sub->rooms + 1, sizeof(*rooms));
	uint64_t position;
	struct slice epoch = parse_id(last_id, &position);

	for (size_t i = 0; i < sub->rooms; i++)
		rooms[i] = subscription_room(sub, i);
	/*
	 * A replay that does not fit the queue is told as a gap, too. What is
	 * left is that there are too many rooms, which joining tells.
	 */
	if (hub_resume(c->session, epoch, position, rooms, sub->rooms) !=
		    ERR_OK &&
	    hub_resume(c->session, (struct slice){0}, 0, rooms, sub->rooms) !=
		    ERR_OK)
		join_rooms(c, sub);
	free(rooms);
}

static void open_connection(struct sse_pending *p, int fd)
{
	struct sse_connection *c = sse_connection_new(p->backend, fd);
	struct session *s;

	if (!c)
		return;
	sse_connection_send(c, &p->head);
	if (subscription_connect(&p->subscription, p->backend->base.env.hub,
				 &c->transport, &s) != ERR_OK) {
		sse_connection_end(c, "refused");
		return;
	}
	sse_connection_begin(c, s);
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
	CHECK(buf_add_str(head, "HTTP/1.1 200 OK\r\n") == ERR_OK);
	http_request_date(r, head);
	CHECK(buf_add_str(head, "Content-Type: " EVENT_STREAM "\r\n"
				"Cache-Control: no-store\r\n"
				"X-Accel-Buffering: no\r\n"
				"Connection: close\r\n") == ERR_OK);
	http_request_cors(r, head);
	CHECK(buf_add_str(head, "\r\n") == ERR_OK);
	CHECK(sse_add_retry(head, (unsigned)retry_ms) == ERR_OK);
}

/*
 * The id to resume from; an empty one is none, as in a browser. One that we
 * cannot have given is as good as one of an unknown life: the client is told of
 * the gap, and gets an id of ours.
 */
static void read_last_id(struct sse_pending *p, const struct http_request *r)
{
	struct slice id;

	p->resumes =
		(http_request_header(r, "Last-Event-ID", &id) && id.n > 0) ||
		(http_request_query(r, "lastEventId", &id) && id.n > 0);
	if (!p->resumes || id.n > LAST_ID_MAX)
		return;
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return;
	p->last_id = id;
}

/* What GET would begin with. */
static void respond_to_head(struct http_request *r)
{
	struct http_response *p =
		http_response_new(200, EVENT_STREAM, (struct slice){0});

	http_response_header(p, "Cache-Control", "no-store");
	http_response_header(p, "X-Accel-Buffering", "no");
	http_response_endless(p);
	http_respond_close(r, p);
	http_response_unref(p);
}

static void on_stream(struct http_request *r, void *arg)
{
	struct sse_backend *b = arg;
	struct sse_pending p = {.backend = b};

	if (b->draining) {
		http_respond_error(r, 503, "the server is going away");
		return;
	}
	if (!subscription_read(&p.subscription, b->base.env.hub, r))
		return;
	if (http_request_method(r) == HTTP_HEAD) {
		subscription_release(&p.subscription);
		respond_to_head(r);
		return;
	}
	read_last_id(&p, r);
	buf_init(&p.head, BUF_UNLIMITED);
	write_head(&p.head, r, b->base.env.options->retry_ms);
	http_adopt(r, false, NULL, 0, on_adopted, &p);
	buf_release(&p.head);
	subscription_release(&p.subscription);
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
				 .path = SSE_SID_PREFIX,
				 .prefix = true,
				 .methods = HTTP_POST,
				 .max_body = b->base.env.options->max_payload,
				 .handle = sse_command,
				 .arg = b});
}

static struct backend *sse_start(const struct backend_env *env)
{
	struct sse_backend *b = xcalloc(1, sizeof(*b));

	b->base.ops = &backend_sse;
	b->base.env = *env;
	map_init(&b->by_sid);
	list_init(&b->connections);
	reaper_init(&b->reaper, env->loop, sse_connection_free);
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
		sse_connection_end(list_entry(it, struct sse_connection, link),
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

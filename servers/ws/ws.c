/* SPDX-License-Identifier: MIT */
#include "servers/ws/ws.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/core/hub.h"
#include "servers/dialect/dialect.h"
#include "servers/dialect/subscription.h"
#include "servers/http/websocket.h"

#define SUBPROTOCOL "pushmark.v1"

struct ws_backend {
	struct backend base;
	struct websocket_hub sockets;
	struct list connections;
	bool draining;
};

struct ws_connection {
	struct transport transport;
	struct websocket socket;
	struct list link; /* in ws_backend.connections */
	struct session *session;
	struct dialect dialect;
};

/* A handshake under way: the request is gone when the socket arrives. */
struct ws_pending {
	struct ws_backend *backend;
	struct subscription subscription;
	struct deflate_terms deflate;
};

static struct ws_backend *backend_of(struct ws_connection *c)
{
	return container_of(c->socket.env->backend, struct ws_backend, base);
}

static void send_answer(struct ws_connection *c, struct buf *answer)
{
	if (answer->len > 0)
		transport_send_private(&c->transport, MSG_TEXT,
				       buf_slice(answer), 0);
}

/* To whoever is still there. */
static void send_late(void *arg, enum err status, struct slice answer)
{
	struct ws_connection *c = arg;

	if (status != ERR_CLOSED)
		transport_send_private(&c->transport, MSG_TEXT, answer, 0);
}

static void on_message(struct websocket *socket, struct slice payload,
		       bool binary)
{
	struct ws_connection *c =
		container_of(socket, struct ws_connection, socket);
	const struct dialect_late late = {send_late, c};
	struct hub *hub = c->transport.hub;
	struct buf answer;

	c->transport.stats->received++;
	if (!hub->app->commands) {
		hub->app->on_message(hub, c->session, payload, binary);
		return;
	}
	buf_init(&answer, BUF_UNLIMITED);
	if (binary)
		dialect_handle_binary(&c->dialect, payload, &answer);
	else
		(void)dialect_handle(&c->dialect, payload, &late, &answer);
	send_answer(c, &answer);
	buf_release(&answer);
}

static void free_connection(struct ws_connection *c, const char *reason)
{
	struct ws_backend *b = backend_of(c);

	if (c->session) {
		dialect_release(&c->dialect);
		hub_disconnect(c->session, reason);
	}
	b->base.stats.connections--;
	list_remove(&c->link);
	websocket_release(&c->socket);
	transport_release(&c->transport);
	free(c);
}

static void on_closed(struct websocket *socket, unsigned code,
		      struct slice reason)
{
	(void)reason;
	free_connection(container_of(socket, struct ws_connection, socket),
			code == WS_CLOSE_ABNORMAL ? "transport close"
						  : "client disconnect");
}

static const struct websocket_ops socket_ops = {
	.on_message = on_message,
	.on_closed = on_closed,
};

static void flush(struct transport *t)
{
	websocket_flush(
		&container_of(t, struct ws_connection, transport)->socket);
}

static void kick(struct transport *t, enum kick_reason why)
{
	websocket_kick(
		&container_of(t, struct ws_connection, transport)->socket, why);
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

/* The welcome object comes first, whatever the rooms bring. */
static void greet(struct ws_connection *c, const struct subscription *sub)
{
	char sid[SESSION_SID_CHARS + 1];
	struct buf text;

	if (!c->transport.hub->app->commands)
		return;
	buf_init(&text, BUF_UNLIMITED);
	random_id(sid, SESSION_SID_CHARS);
	dialect_welcome(c->session, slice_str(sid), &text);
	send_answer(c, &text);
	buf_clear(&text);
	subscription_join(sub, c->session, &text);
	send_answer(c, &text);
	buf_release(&text);
}

static void open_connection(const struct ws_pending *p, int fd,
			    struct slice ahead)
{
	const struct subscription *sub = &p->subscription;
	struct ws_backend *b = p->backend;
	struct ws_connection *c = xcalloc(1, sizeof(*c));

	transport_init(&c->transport, &transport_ops, b->base.env.hub,
		       &b->base.stats, FORMAT_WS);
	if (websocket_init(&c->socket, &b->sockets, fd, &c->transport,
			   &socket_ops) != ERR_OK) {
		free(c);
		return;
	}
	websocket_deflate(&c->socket, &p->deflate);
	b->base.stats.connections++;
	list_append(&b->connections, &c->link);
	if (subscription_connect(sub, b->base.env.hub, &c->transport,
				 &c->session) != ERR_OK) {
		websocket_close(&c->socket, WS_CLOSE_POLICY, SLICE("refused"));
		return;
	}
	dialect_init(&c->dialect, c->session, b->base.env.options->max_chunked);
	greet(c, sub);
	websocket_feed(&c->socket, ahead);
}

static void on_ready(void *arg, int fd, struct slice ahead)
{
	struct ws_pending *p = arg;

	if (fd >= 0)
		open_connection(p, fd, ahead);
	subscription_release(&p->subscription);
	free(p);
}

static void on_request(struct http_request *r, void *arg)
{
	struct ws_backend *b = arg;
	struct ws_pending *p;

	if (b->draining) {
		http_respond_error(r, 503, "the server is going away");
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->backend = b;
	if (!subscription_read(&p->subscription, b->base.env.hub, r)) {
		free(p);
		return;
	}
	if (!websocket_upgrade(r, SUBPROTOCOL,
			       b->base.env.options->deflate ? &p->deflate
							    : NULL,
			       on_ready, p)) {
		subscription_release(&p->subscription);
		free(p);
	}
}

static struct backend *ws_start(const struct backend_env *env)
{
	struct ws_backend *b = xcalloc(1, sizeof(*b));

	b->base.ops = &backend_ws;
	b->base.env = *env;
	list_init(&b->connections);
	websocket_hub_init(&b->sockets, &b->base, true);
	http_route(env->http,
		   &(struct http_route){.path = env->options->ws_path,
					.methods = HTTP_GET,
					.handle = on_request,
					.arg = b});
	return &b->base;
}

static void ws_drain(struct backend *base)
{
	struct ws_backend *b = container_of(base, struct ws_backend, base);

	b->draining = true;
	LIST_FOREACH (it, &b->connections)
		websocket_close(
			&list_entry(it, struct ws_connection, link)->socket,
			WS_CLOSE_GOING_AWAY, SLICE("the server is going away"));
}

static void ws_stop(struct backend *base)
{
	struct ws_backend *b = container_of(base, struct ws_backend, base);

	LIST_FOREACH (it, &b->connections)
		free_connection(list_entry(it, struct ws_connection, link),
				"server shutting down");
	websocket_hub_release(&b->sockets);
	free(b);
}

const struct backend_ops backend_ws = {
	.name = "ws",
	.start = ws_start,
	.drain = ws_drain,
	.stop = ws_stop,
};

/* SPDX-License-Identifier: MIT */
/*
 * What the options are without a command line: each layer's own defaults, and
 * of this layer those that no other has.
 */
#include "servers/core/backend.h"
#include "servers/core/hub.h"
#include "servers/http/http.h"
#include "servers/server.h"

static void from_http(const struct http_options *h, struct server_options *o)
{
	o->host = h->host;
	o->port = h->port;
	o->max_connections = (int64_t)h->max_connections;
	o->send_buffer = (int64_t)h->send_buffer;
	o->head_timeout = (int64_t)h->head_timeout_ms;
	o->body_timeout = (int64_t)h->body_timeout_ms;
	o->idle_timeout = (int64_t)h->idle_timeout_ms;
}

static void from_hub(const struct hub_options *h, struct server_options *o)
{
	o->slow = slow_name(h->slow);
	o->queue_messages = h->queue.messages;
	o->queue_bytes = (int64_t)h->queue.bytes;
	o->history_messages = h->history.history_messages;
	o->history_bytes = (int64_t)h->history.history_bytes;
	o->room_retention = (int64_t)h->room_retention_ms;
	o->recovery_window = (int64_t)h->recovery_window_ms;
	o->max_rooms = h->max_rooms;
	o->max_rooms_per_session = h->max_rooms_per_session;
	o->fragment = (int64_t)h->fragment;
}

static void from_backend(const struct backend_options *b,
			 struct server_options *o)
{
	o->ping_interval = (int64_t)b->ping_interval_ms;
	o->ping_timeout = (int64_t)b->ping_timeout_ms;
	o->max_payload = (int64_t)b->max_payload;
	o->max_chunked = (int64_t)b->max_chunked;
	o->upgrade_timeout = (int64_t)b->upgrade_timeout_ms;
	o->connect_timeout = (int64_t)b->connect_timeout_ms;
	o->close_timeout = (int64_t)b->close_timeout_ms;
	o->retry = (int64_t)b->retry_ms;
	o->ws_path = b->ws_path;
	o->cookie = b->cookie;
	o->deflate = b->deflate;
}

void server_defaults(struct server_options *o)
{
	*o = (struct server_options){
		.backends = "ws,longpoll,sse",
		.transports = "polling,websocket",
		.app = "relay",
		.drain_timeout = 5000,
	};
	from_http(&http_defaults, o);
	from_hub(&hub_defaults, o);
	from_backend(&backend_defaults, o);
}

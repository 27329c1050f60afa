/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket connection of the server over an adopted socket: handshake
 * (RFC 6455 section 4.2), receiving, heartbeat and closing handshake, shared
 * by the raw backend and by Engine.IO's WebSocket transport. It embeds the
 * transport; the owner embeds it and is told by callbacks.
 */
#ifndef SERVERS_HTTP_WEBSOCKET_H
#define SERVERS_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/conn.h"
#include "servers/base/wheel.h"
#include "servers/core/backend.h"
#include "servers/core/transport.h"
#include "servers/http/http.h"
#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"

struct websocket;

struct websocket_ops {
	/* A whole message; text is valid UTF-8. Borrowed for the call. */
	void (*on_message)(struct websocket *ws, struct slice payload,
			   bool binary);
	/*
	 * The connection is over: told exactly once, from a clean stack; the
	 * owner frees the struct that embeds `ws` after it has called
	 * websocket_release(). `code` as in RFC 6455 section 7.1.5 (1006: no
	 * closing handshake).
	 */
	void (*on_closed)(struct websocket *ws, unsigned code,
			  struct slice reason);
};

enum websocket_state {
	WEBSOCKET_OPEN,
	WEBSOCKET_CLOSING, /* our close frame is queued; awaiting the peer's */
	WEBSOCKET_DEAD,	   /* on_closed is due or done */
};

struct websocket {
	struct transport transport;
	struct conn conn;
	struct ws_receiver receiver;
	struct timer timer; /* heartbeat; closing time-out */
	const struct websocket_ops *ops;
	struct websocket_hub *env;
	struct list dead; /* in env->dead until on_closed is told */
	char *reason;	  /* of the peer's close frame, if it gave one */
	uint8_t reason_size;
	uint16_t close_code; /* the peer's; 0: no close frame came */
	uint8_t state;
	bool awaiting_pong;
	bool failed;	/* the peer broke the protocol: expect no close frame */
	bool shut_down; /* our side of the stream has ended */
};

/* What the WebSockets of one backend share. */
struct websocket_hub {
	struct backend *backend;
	struct loop *loop;
	struct http *http;
	struct ws_pool *pool;
	struct list dead;
	struct loop_hook hook; /* tells on_closed for the dead */
	size_t max_message;
	bool heartbeat; /* pings of RFC 6455; false for Engine.IO */
};

void websocket_hub_init(struct websocket_hub *h, struct backend *b,
			bool heartbeat);
void websocket_hub_release(struct websocket_hub *h);

/*
 * Checks the opening handshake and answers what is wrong with it (400 with a
 * reason; 426 with Sec-WebSocket-Version for another version). When all is
 * well, upgrades and calls `ready` with the socket (-1: gone) and the bytes
 * sent ahead, to be given to websocket_init(). `subprotocol` is chosen when
 * the client offers it; NULL: none. permessage-deflate is agreed on when the
 * client offers it and `deflate` is not NULL, which then has the terms for
 * websocket_deflate(). False: refused, already answered.
 */
bool websocket_upgrade(struct http_request *r, const char *subprotocol,
		       struct deflate_terms *deflate,
		       void (*ready)(void *arg, int fd, struct slice ahead),
		       void *arg);

/* Takes fd. ERR_IO: closed, on_closed is not called. */
MUST_USE enum err websocket_init(struct websocket *ws, struct websocket_hub *h,
				 int fd, enum wire_format format,
				 const struct websocket_ops *ops);
/* What websocket_upgrade() has agreed on. Call before the welcome. */
void websocket_deflate(struct websocket *ws, const struct deflate_terms *terms);
/* Feeds bytes that came with the handshake. Call after the welcome. */
void websocket_feed(struct websocket *ws, struct slice bytes);
/* Starts the closing handshake: sends `code`, waits, then on_closed. */
void websocket_close(struct websocket *ws, unsigned code, struct slice reason);
/* Ends the link without one (ws.terminate()). */
void websocket_abort(struct websocket *ws);
void websocket_release(struct websocket *ws);

#endif

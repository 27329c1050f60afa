/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket connection of the server over an adopted socket: handshake
 * (RFC 6455 section 4.2), receiving, heartbeat and closing handshake, shared
 * by the raw backend and by Engine.IO's WebSocket transport. The owner embeds
 * it and is told by callbacks. The transport that it carries is the owner's,
 * too, lives at least as long, and has ops that end in websocket_flush() and
 * websocket_kick(): it may be another's first, since an Engine.IO session
 * keeps its own when it comes over from polling (websocket_carry()).
 *
 * While a peer does not take our answers we stop reading what it says: it may
 * send any number of commands before it reads, and costs what fits its queue.
 */
#ifndef SERVERS_HTTP_WEBSOCKET_H
#define SERVERS_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/conn.h"
#include "servers/base/reaper.h"
#include "servers/base/wheel.h"
#include "servers/core/backend.h"
#include "servers/core/transport.h"
#include "servers/http/http.h"
#include "servers/http/reply_watch.h"
#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"

struct websocket;

struct websocket_ops {
	/* A whole message; text is valid UTF-8. Borrowed for the call. */
	void (*on_message)(struct websocket *ws, struct slice payload,
			   bool binary);
	/*
	 * Whether the next message may come; when it may, after it was told
	 * no, the owner calls websocket_listen(). NULL: always.
	 */
	bool (*is_ready)(struct websocket *ws);
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
	struct transport *transport; /* that it carries; borrowed */
	struct conn conn;
	struct ws_receiver receiver;
	struct timer timer;	  /* heartbeat; closing time-out */
	struct reply_watch reply; /* to our ping or close frame */
	const struct websocket_ops *ops;
	struct websocket_hub *env;
	struct list dead; /* in env->reaper until on_closed is told */
	char *unread; /* read, and not heard before a pause or another's turn */
	size_t turn;  /* bytes of messages that this turn has brought */
	uint64_t resume_at; /* of transport->written, while it is paused */
	uint32_t unread_size;
	char *reason; /* of the peer's close frame, if it gave one */
	uint8_t reason_size;
	uint16_t close_code; /* the peer's; 0: no close frame came */
	uint8_t state;
	bool awaiting_pong;
	bool paused;	/* does not read before its answers are on their way */
	bool failed;	/* the peer broke the protocol: expect no close frame */
	bool shut_down; /* our side of the stream has ended */
};

/* What the WebSockets of one backend share. */
struct websocket_hub {
	struct backend *backend;
	struct loop *loop;
	struct http *http;
	struct ws_pool *pool;
	struct reaper reaper; /* tells on_closed for the dead */
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
 * the client offers it; NULL: the one that it offers first. permessage-deflate
 * is agreed on when the client offers it and `deflate` is not NULL, which then
 * has the terms for websocket_deflate(). False: refused, already answered.
 */
bool websocket_upgrade(struct http_request *r, const char *subprotocol,
		       struct deflate_terms *deflate,
		       void (*ready)(void *arg, int fd, struct slice ahead),
		       void *arg);

/*
 * Takes fd; `t` is initialised and speaks a format of WebSocket. ERR_IO:
 * closed, on_closed is not called.
 */
MUST_USE enum err websocket_init(struct websocket *ws, struct websocket_hub *h,
				 int fd, struct transport *t,
				 const struct websocket_ops *ops);
/* What websocket_upgrade() has agreed on. Call before the welcome. */
void websocket_deflate(struct websocket *ws, const struct deflate_terms *terms);
/* Feeds bytes that came with the handshake. Call after the welcome. */
void websocket_feed(struct websocket *ws, struct slice bytes);
/* Starts the closing handshake: sends `code`, waits, then on_closed. */
void websocket_close(struct websocket *ws, unsigned code, struct slice reason);
/* Ends the link without one (ws.terminate()). */
void websocket_abort(struct websocket *ws);
void websocket_release(struct websocket *ws); /* not the transport */

/* What the ops of the transport call. */
void websocket_flush(struct websocket *ws);
void websocket_kick(struct websocket *ws, enum kick_reason why);

/* Hears messages again; is_ready() is asked first. */
void websocket_listen(struct websocket *ws);
/*
 * Much waits in the queue: writes it. True: the peer does not take it, and
 * is_ready() is asked when it does, or it is dead.
 */
bool websocket_pause(struct websocket *ws);

/*
 * From now on carries `t`, whose queue waits behind what is left of the old
 * one's, which is empty then. No byte of `t` is sent yet.
 */
void websocket_carry(struct websocket *ws, struct transport *t);

#endif

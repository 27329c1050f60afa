/* SPDX-License-Identifier: MIT */
/*
 * One WebSocket connection of a client: connect, handshake, send, receive,
 * close. What the messages mean is the owner's: the raw dialect (ws.c) or
 * Engine.IO's packets (engine.c). Pings and close frames are answered here.
 *
 * The owner embeds it. ws_link_close() may be called from any callback, and
 * the link then tells nothing more; releasing it within one may not.
 */
#ifndef CLIENTS_WS_LINK_H
#define CLIENTS_WS_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "clients/client.h"
#include "clients/memo.h"
#include "servers/base/buf.h"
#include "servers/base/conn.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/websocket.h"

struct ws_opening;
struct ws_link;

struct ws_link_ops {
	void (*on_open)(struct ws_link *l); /* the handshake is over */
	/* Text, bytes or a pong; `payload` is borrowed for the call. */
	void (*on_frame)(struct ws_link *l, enum ws_opcode opcode,
			 struct slice payload);
	/* The server closed, and was answered. */
	void (*on_close)(struct ws_link *l, unsigned code, struct slice reason);
	/*
	 * Lost, refused (l->status tells the HTTP status) or broken, and
	 * closed by now.
	 */
	void (*on_lost)(struct ws_link *l, enum err err, const char *why);
};

enum ws_link_state {
	WS_LINK_OPENING, /* connecting, or waiting for the 101 */
	WS_LINK_OPEN,	 /* frames go both ways */
	WS_LINK_ENDED,	 /* a close frame was sent, or nothing can be */
};

struct ws_link {
	struct conn conn;
	struct client *client; /* borrowed */
	const struct ws_link_ops *ops;
	enum ws_link_state state;
	struct ws_opening *opening; /* owned; NULL after it */
	struct ws_receiver receiver;
	struct buf out;
	unsigned status; /* of a refused handshake */
	bool heard;	 /* something came; the owner's to clear */
	/*
	 * The owner's: decodes bytes into the memo. NULL while nothing may be
	 * looked up, as when the owner has a part of a message.
	 */
	memo_decode_fn *decode;
};

/* Life cycle */
void ws_link_init(struct ws_link *l, struct client *client,
		  const struct ws_link_ops *ops);
void ws_link_release(struct ws_link *l); /* after ws_link_close() */
/* Starts connecting, to ask for `target`, path and query. */
MUST_USE enum err ws_link_connect(struct ws_link *l, struct slice target,
				  bool deflate);
/* With a close frame if it can be written; idempotent. */
void ws_link_close(struct ws_link *l, unsigned code, const char *why);

/* Operations */
/* Queues a masked frame. ERR_LIMIT: the server does not read. */
MUST_USE enum err ws_link_send(struct ws_link *l, enum ws_opcode opcode,
			       struct slice payload);
void ws_link_flush(struct ws_link *l); /* failure comes by on_lost */

/* Decoding into the memo */
/* Reads one text message; false when it is anything else. */
typedef bool ws_link_text_fn(struct client_env *env, struct slice text,
			     struct client_message *out);
/* A memo_decode_fn for frames of such messages. */
size_t ws_link_decode(struct client_env *env, struct slice chunk,
		      struct client_message *out, size_t max,
		      ws_link_text_fn *read);

#endif

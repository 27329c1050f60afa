/* SPDX-License-Identifier: MIT */
/*
 * An Engine.IO 4 session: internal to longpoll/. It speaks HTTP long polling
 * (polling.h) or WebSocket (carrier.h), and may go over from the first to the
 * second (upgrade.h). What it means is its user's: Socket.IO (socket.c), or an
 * echo on the bare endpoint of the echo app (echo.c).
 *
 * Its transport, with the queue, stays the same for life: only the format and
 * the way out change. A session that ends is told to its user and freed by the
 * reaper, from a clean stack; while its WebSocket still says so to the peer,
 * the struct waits for that.
 */
#ifndef SERVERS_LONGPOLL_ENGINE_H
#define SERVERS_LONGPOLL_ENGINE_H

#include <stdbool.h>

#include "servers/base/map.h"
#include "servers/base/reaper.h"
#include "servers/base/wheel.h"
#include "servers/core/backend.h"
#include "servers/core/session.h"
#include "servers/http/http.h"
#include "servers/http/websocket.h"

#define ENGINE_SID_CHARS 20

struct carrier;
struct engine;
struct polling_post;
struct socket_assembly;

/* What a session's messages mean. All members are needed. */
struct engine_user_ops {
	/* The session is open, its open packet is sent or queued. */
	void (*opened)(struct engine *e);
	/* Text of a message packet, or the bytes of a binary one; borrowed. */
	void (*text)(struct engine *e, struct slice text);
	void (*binary)(struct engine *e, struct slice bytes);
	/*
	 * The session is over, told exactly once and from a clean stack: frees
	 * what the user keeps of it. Nothing can be sent any more.
	 */
	void (*closed)(struct engine *e, const char *why);
};
extern const struct engine_user_ops engine_socketio; /* socket.c */
extern const struct engine_user_ops engine_echo;     /* echo.c */

struct longpoll;

/* Where sessions of one kind are made and found. */
struct endpoint {
	struct longpoll *backend;
	const struct engine_user_ops *user;
};

struct longpoll {
	struct backend base;
	struct endpoint socketio, echo;
	struct map by_sid;
	struct list engines;  /* that are open */
	struct list leaving;  /* over, but for their WebSocket's goodbye */
	struct list carriers; /* all WebSockets */
	struct list posts;    /* whose packets are not all handled */
	struct loop_hook post_hook;
	struct websocket_hub sockets;
	struct reaper reaper;
	/* The response made last, and of which joined queue it is. */
	struct http_response *shared;
	uint64_t shared_id;
	bool draining;
};

/* How the client learns that a session is over. */
enum engine_farewell {
	ENGINE_SAY_CLOSE, /* packet 1 to a pending GET: the server ends it */
	ENGINE_SAY_NOOP,  /* packet 6 to it: the client has closed it itself */
	/*
	 * Packet 1, for which the next GET is waited for, behind what is
	 * queued: what was said is wrong, and the client is still there.
	 */
	ENGINE_SAY_CLOSE_LATER,
};

struct engine {
	struct transport transport;
	struct longpoll *backend;
	const struct engine_user_ops *user;
	struct list link;	   /* in one of the backend's, or dead */
	struct http_request *poll; /* the pending GET; NULL: none */
	struct http_owner owner;   /* the connections of its requests */
	struct polling_post *post; /* the pending POST; NULL: none */
	struct carrier *carrier;   /* the WebSocket that it speaks, or NULL */
	struct carrier *probe;	   /* the one that it may come to speak */
	struct slice address;	   /* of the peer, while it is received from */
	struct timer heartbeat;
	const char *why; /* it is closed */
	uint8_t farewell;
	uint8_t uploads; /* POSTs that are being read */
	bool awaiting_pong;
	bool refreshed; /* the pong's time was extended once */
	bool closed;
	bool told;    /* the user knows */
	bool lingers; /* closed, and found by the GET that is to be told */
	char sid[ENGINE_SID_CHARS + 1];

	/* Socket.IO's */
	struct timer connect;	  /* a CONNECT is due */
	struct session **sockets; /* one per namespace */
	uint32_t socket_count;
	struct socket_assembly *assembly; /* a binary packet in the making */
};

/* Operations for the user */
/* Queues a message packet ("4" + text), or a binary one. */
void engine_send(struct engine *e, struct slice packet);
void engine_send_binary(struct engine *e, struct slice bytes);
/* Ends the session; `why` is the reason that the app is told. */
void engine_close(struct engine *e, enum engine_farewell farewell,
		  const char *why);

/* For the transports */
/* A session that nothing carries yet; `ops` and `format` of who will. */
struct engine *engine_new(struct longpoll *b,
			  const struct engine_user_ops *user,
			  const struct transport_ops *ops,
			  enum wire_format format);
/* Appends the open packet; `upgrade`: to a session that may go over. */
void engine_add_open(const struct engine *e, struct buf *b, bool upgrade);
/* One packet as text, or the bytes of a binary one, as they came. */
void engine_receive(struct engine *e, struct slice text);
void engine_receive_binary(struct engine *e, struct slice bytes);
/* The transport has changed: what waits for a pong waits on. */
void engine_moved(struct engine *e);
/* Frees it when it is over and nothing carries it any more. */
void engine_release(struct engine *e);
/* The same for who lingers: it does so no longer. */
void engine_vanish(struct engine *e);
void engine_reap(struct list *link); /* for the reaper */

static inline struct wheel *engine_wheel(const struct engine *e)
{
	return loop_wheel(e->backend->base.env.loop);
}

static inline const struct backend_options *
engine_options(const struct engine *e)
{
	return e->backend->base.env.options;
}

#endif

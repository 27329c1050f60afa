/* SPDX-License-Identifier: MIT */
/*
 * An Engine.IO 4 session over HTTP long polling: internal to longpoll/.
 *
 * It has at most one pending GET. What is queued leaves with it at the end of
 * the tick, in one response that sessions with equal queues share. A session
 * that closes answers its pending GET and is freed by the reaper.
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

#define ENGINE_SID_CHARS 20

struct socket_assembly;

struct longpoll {
	struct backend base;
	struct map by_sid;
	struct list engines;
	struct reaper reaper;
	/* The response made last, and of which joined queue it is. */
	struct http_response *shared;
	uint64_t shared_id;
	bool draining;
};

struct engine {
	struct transport transport;
	struct longpoll *backend;
	struct list link;	   /* in backend->engines, or dead */
	struct http_request *poll; /* the pending GET; NULL: none */
	struct slice address;	   /* of the peer, while it is received from */
	struct timer heartbeat;
	struct timer connect;	  /* a Socket.IO CONNECT is due */
	struct session **sockets; /* one per namespace */
	uint32_t socket_count;
	bool awaiting_pong;
	bool closed;
	const char *why;
	struct socket_assembly *assembly; /* a binary packet in the making */
	char sid[ENGINE_SID_CHARS + 1];
};

/* How a session's pending GET learns that it is over. */
enum engine_farewell {
	ENGINE_SAY_CLOSE, /* packet 1: the server ends it */
	ENGINE_SAY_NOOP,  /* packet 6: the client has closed it itself */
};

/* Makes a session and answers the handshake `r`. */
void engine_open(struct longpoll *b, struct http_request *r);
/* The client's GET: answered now, at the tick's end, or held. */
void engine_poll(struct engine *e, struct http_request *r);
/* The packets of a POST's body, in order, until one closes the session. */
void engine_receive(struct engine *e, struct http_request *r);
/* Ends the session; `why` is the reason that the app is told. */
void engine_close(struct engine *e, enum engine_farewell farewell,
		  const char *why);
/* Queues a message packet ("4" + text), or a binary one. */
void engine_send(struct engine *e, struct slice packet);
void engine_send_binary(struct engine *e, struct slice bytes);
void engine_free(struct list *link); /* for the reaper */

/* Socket.IO on an engine (socket.c) */
/* Text of a message packet, or the bytes of a binary one. */
void socket_receive(struct engine *e, struct slice text);
void socket_receive_binary(struct engine *e, struct slice bytes);
void socket_release_all(struct engine *e, const char *why);

#endif

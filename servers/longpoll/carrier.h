/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket that carries Engine.IO: internal to longpoll/. It belongs to a
 * session from the start (a handshake without a session's id), or it knocks at
 * one that polls and may take it over (upgrade.h), or it is nobody's and only
 * lives to be told so. It is the same connection as a raw one, without pings
 * of WebSocket's own: Engine.IO has its heartbeat.
 */
#ifndef SERVERS_LONGPOLL_CARRIER_H
#define SERVERS_LONGPOLL_CARRIER_H

#include "servers/longpoll/engine.h"

struct upgrade;

struct carrier {
	struct websocket socket;
	struct engine *engine;	 /* whose it is, or would be; NULL: nobody's */
	struct upgrade *upgrade; /* while it is not a session's; or NULL */
	struct list link;	 /* in the backend's carriers */
	char *address;		 /* of the peer */
};

/*
 * Upgrades a request that was found in order, then makes a session for it, or
 * with an id knocks at that one.
 */
void carrier_open(const struct endpoint *at, struct http_request *r,
		  struct slice sid);
/* What a session that a WebSocket carries has as its transport's. */
extern const struct transport_ops carrier_transport_ops;
/* The session is over: so is its WebSocket, if it has one. */
void carrier_end(struct engine *e);
/* Takes its socket and memory, at once. */
void carrier_free(struct carrier *c);

#endif

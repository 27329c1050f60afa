/* SPDX-License-Identifier: MIT */
/*
 * The seam to the protocols. A backend registers its routes with the HTTP
 * front, makes transports and sessions, and is told when the server drains
 * and stops. Its ops instance is the last thing in its main file; tests and
 * metrics take its name from there.
 */
#ifndef SERVERS_CORE_BACKEND_H
#define SERVERS_CORE_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/core/transport.h"

struct http;
struct hub;
struct backend;

/* Options that protocols share; times in milliseconds, sizes in bytes. */
struct backend_options {
	uint64_t ping_interval_ms;   /* 25000 */
	uint64_t ping_timeout_ms;    /* 20000 */
	uint64_t max_payload;	     /* 1000000: one message from a client */
	uint64_t max_chunked;	     /* 16 MiB: one sent in chunks */
	uint64_t upgrade_timeout_ms; /* 10000 */
	uint64_t connect_timeout_ms; /* 45000 */
	uint64_t close_timeout_ms;   /* 5000: for the peer's close frame */
	uint64_t retry_ms;	     /* 2000: SSE's reconnection time */
	const char *ws_path;	     /* "/ws" */
	const char *cookie;	     /* named so by Engine.IO; NULL: none */
	bool transport_polling, transport_websocket; /* Engine.IO offers */
	bool deflate; /* false: no permessage-deflate for WebSocket */
};
extern const struct backend_options backend_defaults;

struct backend_env {
	struct hub *hub;
	struct http *http;
	struct loop *loop;
	const struct backend_options *options; /* outlives the backend */
};

struct backend_ops {
	const char *name; /* "ws", "longpoll", "sse" */
	/* Registers routes; returns owned. */
	struct backend *(*start)(const struct backend_env *env);
	/*
	 * Takes no new connections and ends the open ones as its protocol
	 * says (1001, end of stream, packet 1). May be called once.
	 */
	void (*drain)(struct backend *b);
	/* Closes whatever is left, at once, and frees b. */
	void (*stop)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
	struct backend_env env;
	struct backend_stats stats;
};

#endif

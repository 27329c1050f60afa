/* SPDX-License-Identifier: MIT */
/*
 * What the files of the event-stream backend share; nobody else includes it.
 * A connection is one stream: its socket, its queue, its session. It ends where
 * the link does, and is freed by the reaper, from a clean stack.
 */
#ifndef SERVERS_SSE_CONNECTION_H
#define SERVERS_SSE_CONNECTION_H

#include "servers/base/map.h"
#include "servers/base/reaper.h"
#include "servers/core/backend.h"
#include "servers/core/session.h"
#include "servers/core/stall.h"
#include "servers/core/transport.h"
#include "servers/dialect/dialect.h"
#include "servers/http/http.h"

#define SSE_SID_PREFIX "/sse/"

struct sse_backend {
	struct backend base;
	struct map by_sid;
	struct list connections;
	struct reaper reaper;
	bool draining;
};

struct sse_connection {
	struct transport transport;
	struct conn conn;
	struct timer timer; /* heartbeat; looks whether bytes arrive */
	struct stall stall;
	uint64_t beat_ms; /* when the next heartbeat is due */
	struct list link; /* in sse_backend.connections, or dead */
	struct sse_backend *backend;
	struct session *session;
	struct dialect dialect;
	const char *why; /* the end's reason, for the app */
	char sid[SESSION_SID_CHARS + 1];
};

/* Takes fd, of which nothing is written yet. NULL: it is closed. */
struct sse_connection *sse_connection_new(struct sse_backend *b, int fd);
/* Gives it a session; until then the stream has none to end. */
void sse_connection_begin(struct sse_connection *c, struct session *s);
struct slice sse_connection_sid(const struct sse_connection *c);
/* Queues bytes of the stream as they are, and empties `bytes`. */
void sse_connection_send(struct sse_connection *c, struct buf *bytes);
/* What the kernel has still goes, and then the end of the stream. */
void sse_connection_end(struct sse_connection *c, const char *why);
void sse_connection_free(struct list *link); /* for the reaper */

/* command.c: POST /sse/<sid> */
void sse_command(struct http_request *r, void *arg);

#endif

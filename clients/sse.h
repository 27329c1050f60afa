/* SPDX-License-Identifier: MIT */
/*
 * The parts of an event stream's client, which only they see: sse.c reads the
 * stream, sse_handshake.c asks for it, follows where it went and asks again
 * after it was lost, sse_commands.c sends what the client has to say.
 */
#ifndef CLIENTS_SSE_H
#define CLIENTS_SSE_H

#include "clients/env.h"
#include "servers/base/buf.h"
#include "servers/base/conn.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/http1.h"
#include "servers/wire/sse.h"

struct sse_commands;

/*
 * Where the server sends the client by redirects. Until the stream is asked
 * for afresh, the client's options name this place instead of their own.
 */
struct sse_moved {
	struct buf location; /* of the answer at hand, until it is followed */
	unsigned count;	     /* redirects in a row */
	bool away;	     /* host and path are set, `own` is kept */
	char *host, *path;   /* owned */
	struct client_options own;
};

struct sse_client {
	struct client base;
	struct conn conn;
	struct http1_parser *http; /* owned; NULL once bytes are events */
	struct sse_parser events;
	struct buf request;
	struct sse_moved moved;
	struct sse_commands *commands; /* owned; NULL until the first */
	char *sid;		       /* owned; NULL until welcomed */
};

/* Handshake */
void sse_handshake_init(struct sse_client *s);
/* Frees what it owns. The options are the caller's own again. */
void sse_handshake_release(struct sse_client *s);
/* Connects and asks for the stream. */
MUST_USE enum err sse_handshake_start(struct sse_client *s,
				      const struct conn_ops *ops);
/*
 * The answer's head came: it fails the client, or is the stream's, or tells
 * that the stream is elsewhere.
 */
void sse_handshake_head(struct sse_client *s, const struct http1_response *r);
/* The last head told so; nothing after it is the stream's. */
static inline bool sse_handshake_moves(const struct sse_client *s)
{
	return s->moved.location.len > 0;
}
/*
 * Leaves this connection and asks there. Not from within the parser, which it
 * starts afresh. Failures end the client.
 */
void sse_handshake_follow(struct sse_client *s, const struct conn_ops *ops);
/* Frees the parser: all bytes to come are events. */
void sse_handshake_done(struct sse_client *s);

/* Commands, by POST on a second connection. */
/* Queues it. Without a sid, or when too much waits, it fails the client. */
void sse_commands_add(struct sse_client *s, const struct client_command *cmd);
void sse_commands_flush(struct sse_client *s);
void sse_commands_close(struct sse_client *s);
void sse_commands_free(struct sse_client *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The raw dialect (docs/PROTOCOLS.md), for ws and sse: JSON objects in,
 * commands run, answers out; and POST /publish, for whatever speaks HTTP.
 */
#ifndef SERVERS_DIALECT_DIALECT_H
#define SERVERS_DIALECT_DIALECT_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/core/app.h"
#include "servers/core/session.h"
#include "servers/dialect/chunk.h"
#include "servers/http/http.h"

/* What the dialect keeps of a connection, embedded in the backend's struct. */
struct dialect {
	struct session *session;
	struct chunks chunks;
};

/* `max_chunked`: the largest object that may be sent in chunks, in bytes. */
void dialect_init(struct dialect *d, struct session *s, size_t max_chunked);
void dialect_release(struct dialect *d); /* legal after dialect_init() only */

/* Where an answer goes that does not come at once. */
struct dialect_late {
	/*
	 * Called once, at the latest when the session ends (ERR_CLOSED). The
	 * answer, JSON, is borrowed.
	 */
	void (*answer)(void *arg, enum err status, struct slice answer);
	void *arg;
};

enum dialect_result {
	DIALECT_DONE,
	DIALECT_FAILED, /* the answer is an error */
	DIALECT_LATER,	/* late->answer() will be called; nothing is appended */
};

/*
 * Handles one object of a client. At most one answer is produced, into
 * `answer` (appended; empty when the object asked for none), as JSON: the
 * caller sends it the way its protocol does. `late` is copied; NULL: whoever
 * asks for what takes time gets no answer.
 */
enum dialect_result dialect_handle(struct dialect *d, struct slice text,
				   const struct dialect_late *late,
				   struct buf *answer);
/*
 * Publishes bytes to the one joined room. Without one they are an object's
 * text for who is in the lobby (see hub_join_lobby()), else an error answer.
 */
bool dialect_handle_binary(struct dialect *d, struct slice bytes,
			   struct buf *answer);
/* Appends the welcome object for s; `sid` is the secret id. */
void dialect_welcome(struct session *s, struct slice sid, struct buf *out);
/* The namespace of a request's query; "/" when it names none. */
struct slice dialect_nsp(struct http_request *r);

struct hub;
void dialect_publish_route(struct http *http, struct hub *hub,
			   uint64_t max_body);

#endif

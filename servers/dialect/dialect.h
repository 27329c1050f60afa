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
#include "servers/http/http.h"

/*
 * Handles one object of a client. At most one answer is produced, into
 * `answer` (appended; empty when the object asked for none), as JSON: the
 * caller sends it the way its protocol does. Returns false when the answer is
 * an error.
 */
bool dialect_handle(struct session *s, struct slice text, struct buf *answer);
/* Publishes bytes to the one room that s has joined, else an error answer. */
bool dialect_handle_binary(struct session *s, struct slice bytes,
			   struct buf *answer);
/* Appends the welcome object for s; `sid` is the secret id. */
void dialect_welcome(struct session *s, struct slice sid, struct buf *out);
/* The namespace of a request's query; "/" when it names none. */
struct slice dialect_nsp(struct http_request *r);

struct hub;
void dialect_publish_route(struct http *http, struct hub *hub,
			   uint64_t max_body);

#endif

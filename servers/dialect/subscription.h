/* SPDX-License-Identifier: MIT */
/*
 * What a connecting client of the raw dialect asks for in its query:
 * `nsp=/chat&room=a&room=b`. Read and checked while the request lives, joined
 * when the stream stands.
 */
#ifndef SERVERS_DIALECT_SUBSCRIPTION_H
#define SERVERS_DIALECT_SUBSCRIPTION_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/core/hub.h"
#include "servers/http/http.h"

struct subscription {
	struct buf names; /* NUL-terminated: namespace, address, rooms */
	size_t rooms;	  /* how many */
};

/*
 * Asks the hub whether the client may use the namespace of its query. False:
 * the request is answered (400, 403 or 404).
 */
bool subscription_admit(struct http_request *r, struct hub *hub);
/*
 * Reads the query and asks the hub whether the client may connect. False: the
 * request is answered (400, 403 or 404) and `out` holds nothing.
 */
bool subscription_read(struct subscription *out, struct hub *hub,
		       struct http_request *r);
void subscription_release(struct subscription *s);

/* Makes the session. ERR_LIMIT and the like as hub_connect(). */
MUST_USE enum err subscription_connect(const struct subscription *s,
				       struct hub *hub, struct transport *t,
				       struct session **out);
/* Joins the rooms; a room that cannot be joined adds to `answer` an error. */
void subscription_join(const struct subscription *s, struct session *session,
		       struct buf *answer);
/* The i-th room's name. */
struct slice subscription_room(const struct subscription *s, size_t i);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Putting chunked objects together: a client may send the text of one large
 * object in consecutive pieces, `{"type":"chunk","id":n,"chunk":k,"total":t,
 * "data":"…"}`, with other objects in between. A connection assembles one
 * object at a time and owns no memory while it assembles none.
 */
#ifndef SERVERS_DIALECT_CHUNK_H
#define SERVERS_DIALECT_CHUNK_H

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/wire/envelope.h"

struct chunks {
	/* The pieces as they came, still escaped, so that a character that was
	 * cut in two between pieces is whole again; at the end: the object. */
	struct buf text;
	char *id; /* raw JSON; NULL: nothing is being assembled */
	uint64_t next, total;
};

/* `limit`: the largest object, in bytes of its pieces as they are sent. */
void chunks_init(struct chunks *c, size_t limit);
void chunks_release(struct chunks *c); /* legal to use again */

/*
 * Adds the piece `e`, an ENVELOPE_CHUNK. ERR_OK: that was the last, c->text
 * holds the object (until chunks_release()); ERR_AGAIN: more to come.
 * ERR_PROTO, ERR_LIMIT: *why says what was wrong, and the object is given up.
 */
MUST_USE enum err chunks_add(struct chunks *c, const struct envelope *e,
			     const char **why);

#endif

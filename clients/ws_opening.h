/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the opening handshake (RFC 6455 section 4.1): the
 * request, and whether the answer accepts what was asked and nothing else.
 * It exists until the 101 only.
 */
#ifndef CLIENTS_WS_OPENING_H
#define CLIENTS_WS_OPENING_H

#include <stdbool.h>
#include <stddef.h>

#include "clients/client.h"
#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/deflate.h"
#include "servers/wire/http1.h"
#include "servers/wire/websocket.h"

struct ws_opening {
	struct http1_parser parser;
	char key[WS_KEY_CHARS + 1];
	bool offers_deflate;
	struct deflate_terms deflate; /* as agreed */
	unsigned status;	      /* of the answer; 0: it has not come */
	const char *fault;	      /* NULL: it is open */
};

/* Life cycle */
struct ws_opening *ws_opening_new(bool deflate); /* returns owned */
void ws_opening_free(struct ws_opening *h);	 /* NULL is legal */

/* Operations */
/* Appends the request for `target`, path and query. */
MUST_USE enum err ws_opening_add_request(const struct ws_opening *h,
					 struct buf *b,
					 const struct client_options *o,
					 struct slice target);
/*
 * Feeds bytes of the answer. ERR_OK: agreed, and what follows the first *used
 * bytes are frames. ERR_AGAIN: more is needed. ERR_REFUSED: another status
 * than 101, see h->status. Else it is broken, and *why says how.
 */
MUST_USE enum err ws_opening_feed(struct ws_opening *h, struct slice bytes,
				  size_t *used, const char **why);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A Socket.IO packet with binary attachments on its way in: its JSON comes
 * first, then the bytes one by one. When all are there it is whole: the JSON
 * with {"base64":"..."} where each belongs, for readers of JSON alone.
 */
#ifndef CLIENTS_ATTACHMENTS_H
#define CLIENTS_ATTACHMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/socketio.h"

struct attachments {
	struct socketio_packet packet; /* its slices are void */
	struct buf json;
	struct buf bytes; /* of all, one after another */
	size_t ends[SOCKETIO_MAX_ATTACHMENTS];
	unsigned count;
};

/* Life cycle */
/*
 * Starts with a packet of a BINARY type, of which it keeps what it needs.
 * Returns owned, or NULL when the packet is wrong: it points at none of its
 * attachments, or twice at one.
 */
struct attachments *attachments_new(const struct socketio_packet *p);
void attachments_free(struct attachments *a); /* NULL is legal */

/* Operations */
/* ERR_LIMIT: they are too long together. */
MUST_USE enum err attachments_add(struct attachments *a, struct slice bytes);
/* Appends the whole JSON, once all are there. ERR_LIMIT. */
MUST_USE enum err attachments_finish(const struct attachments *a,
				     struct buf *b);

/* Queries */
static inline bool attachments_complete(const struct attachments *a)
{
	return a->count == a->packet.attachments;
}

#endif

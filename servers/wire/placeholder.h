/* SPDX-License-Identifier: MIT */
/*
 * Binary values inside Socket.IO's JSON: where an attachment belongs stands
 * `{"_placeholder":true,"num":k}`. Each attachment stands in one place at
 * most, as every client writes it: a packet that named one again and again
 * could be made to grow without bound wherever it is written out as JSON.
 */
#ifndef SERVERS_WIRE_PLACEHOLDER_H
#define SERVERS_WIRE_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/socketio.h"

struct placeholder {
	size_t start, end; /* of the object, in the text */
	unsigned num;	   /* of the attachment that belongs there */
};

/* Those of one text, in its order. */
struct placeholders {
	struct placeholder at[SOCKETIO_MAX_ATTACHMENTS];
	unsigned count;
};

/*
 * Finds them in validated `json` (a value, or several with commas between).
 * ERR_PROTO: one names none of the `attachments`, or one that is named twice,
 * or lies within another.
 */
MUST_USE enum err placeholders_find(struct slice json, unsigned attachments,
				    struct placeholders *out);
/*
 * Appends `json` with {"base64":"..."} in the places found, for readers of
 * JSON alone. placeholders_find() has accepted it.
 */
MUST_USE enum err placeholders_inline(struct buf *b, struct slice json,
				      const struct slice *attachments,
				      unsigned count);
/* Appends {"base64":"..."}. */
MUST_USE enum err placeholder_add_base64(struct buf *b, struct slice bytes);

#endif

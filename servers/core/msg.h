/* SPDX-License-Identifier: MIT */
/*
 * One message on its way out: immutable, reference counted, shared by every
 * queue and history that holds it, and encoded at most once per wire format.
 *
 * A published event (MSG_EVENT) is encoded when the first transport of a
 * format flushes it, so that a queue survives an upgrade from polling to
 * WebSocket. The other kinds are addressed to one transport: MSG_TEXT and
 * MSG_BINARY are payloads that the transport's format frames (an answer of the
 * raw dialect, an Engine.IO packet), MSG_BYTES are bytes for exactly one
 * format, sent as they are (a pong frame, an SSE comment), MSG_GAP tells what
 * will not come (see gap.h).
 *
 * References are counted without atomics: everything hangs on one loop.
 */
#ifndef SERVERS_CORE_MSG_H
#define SERVERS_CORE_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/base/slice.h"

enum wire_format {
	FORMAT_WS,	    /* raw dialect in WebSocket frames */
	FORMAT_SSE,	    /* raw dialect as text/event-stream */
	FORMAT_EIO_POLLING, /* Engine.IO packets in a polling payload */
	FORMAT_EIO_WS,	    /* Engine.IO packets in WebSocket frames */
	FORMAT_COUNT,
};

enum msg_kind { MSG_EVENT, MSG_TEXT, MSG_BINARY, MSG_BYTES, MSG_GAP };

enum msg_flags {
	MSG_VOLATILE = 1, /* may be dropped for those not writable */
	MSG_RAW_DATA = 2, /* an event whose data is bytes, not JSON */
	MSG_CLOSES = 4,	  /* last message: close the link once it is written */
	MSG_BARE = 8,	  /* Socket.IO gets the data alone, without room and seq */
	MSG_OBJECT = 16,  /* the raw dialect gets the data alone, an object */
};

struct msg {
	uint32_t refs;
	uint8_t kind;
	uint8_t flags;
	uint32_t size;	   /* for accounting: its memory and one frame's */
	uint64_t seq;	   /* number in its room, from 1 */
	union {
		uint64_t position; /* number on this node, from 1; 0: of no room */
		uint64_t first;	   /* of a gap, whose last number is seq */
	};
	const char *epoch; /* of the node; outlives every message */
	struct slice nsp, room, event, from; /* into the message itself */
	struct slice data;		     /* JSON text or bytes */
	/* Encoded; owned, unless it is `data` itself; empty: not yet. */
	struct slice frames[FORMAT_COUNT];
};

/* What msg_new_event() copies. */
struct msg_event {
	struct slice nsp, room, event, data;
	struct slice from; /* public id of the sender; empty when none */
	unsigned flags;
};

/* Life cycle. Each returns owned, with one reference. */
struct msg *msg_new_event(const struct msg_event *e);
/* MSG_TEXT, MSG_BINARY or MSG_BYTES; copies the payload. */
struct msg *msg_new_private(enum msg_kind kind, struct slice payload,
			    unsigned flags);
void msg_free(struct msg *m); /* only for msg_unref() */
static inline void msg_unref(struct msg *m)
{
	if (--m->refs == 0)
		msg_free(m);
}
static inline struct msg *msg_ref(struct msg *m)
{
	m->refs++;
	return m;
}

/* Whether a queue may leave m out: a published event, whose loss has a number. */
static inline bool msg_droppable(const struct msg *m)
{
	return m->kind == MSG_EVENT && m->seq;
}

/*
 * The bytes of `m` in `format`, encoded now if nobody needed them before.
 * Borrowed until the last reference goes. For FORMAT_EIO_POLLING without the
 * separator between packets.
 */
struct slice msg_encode(struct msg *m, enum wire_format format);

static inline struct slice msg_frame(struct msg *m, enum wire_format format)
{
	return m->frames[format].n ? m->frames[format] : msg_encode(m, format);
}

#endif

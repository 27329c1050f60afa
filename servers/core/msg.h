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
	FORMAT_COUNT,	    /* those that every message has a place for */
	/*
	 * FORMAT_WS with events compressed by permessage-deflate, one for each
	 * window size from DEFLATE_BITS_MIN to DEFLATE_BITS_MAX.
	 */
	FORMAT_WS_DEFLATE = FORMAT_COUNT,
	FORMAT_END = FORMAT_WS_DEFLATE + 7,
};

enum msg_kind {
	MSG_EVENT,
	MSG_TEXT,
	MSG_BINARY,
	MSG_BYTES,
	MSG_GAP,
	MSG_PART, /* some bytes of another message's frame */
};

enum msg_flags {
	MSG_VOLATILE = 1, /* may be dropped for those not writable */
	MSG_RAW_DATA = 2, /* an event whose data is bytes, not JSON */
	MSG_CLOSES = 4,	  /* last message: close the link once it is written */
	MSG_BARE = 8, /* Socket.IO gets the data alone, without room and seq */
	MSG_OBJECT = 16, /* the raw dialect gets the data alone, an object */
	MSG_CONTROL =
		32,    /* bytes that may go between the fragments of others */
	MSG_ARGS = 64, /* data is an event's arguments, commas between */
	MSG_NOT_SELF =
		128, /* an event that its sender, `from`, gets no copy of */
};

struct deflater;

/* What encoding knows of the node, which owns it; outlives every message. */
struct msg_encoder {
	const char *epoch; /* names the node's life */
	size_t fragment;   /* most payload of one WebSocket frame; 0: any */
	bool offsets;	   /* Socket.IO's events tell where to recover from */
	struct deflater *deflater; /* NULL until it is needed first */
};

struct msg {
	uint32_t refs;
	uint8_t kind;
	uint8_t flags;
	uint8_t attachment_count;
	uint32_t size; /* for accounting: its memory and one frame's */
	uint64_t seq;  /* number in its room, from 1 */
	union {
		uint64_t position; /* number on this node; 0: none */
		uint64_t first;	   /* of a gap, whose last number is seq */
	};
	struct msg_encoder *encoder; /* of the node; NULL: it has none */
	struct slice nsp, room, event, from; /* into the message itself */
	struct slice data;		     /* JSON text or bytes */
	/*
	 * What the placeholders in `data` stand for (see placeholder.h), in the
	 * message itself; and the number that receivers answer with, if they
	 * are asked to (see ask.h), or 0.
	 */
	const struct slice *attachments;
	uint64_t ask;
	/* Encoded; owned, unless it is `data` itself; empty: not yet. */
	struct slice frames[FORMAT_COUNT];
	/*
	 * The same for the formats from FORMAT_WS_DEFLATE on, once somebody
	 * speaks one of them. What is not worth compressing is its plain frame.
	 */
	struct slice *deflated;
	struct msg *whole; /* MSG_PART: what `data` lies in, a reference */
};

/* What msg_new_event() copies. */
struct msg_event {
	struct slice nsp, room, event, data;
	struct slice from; /* public id of the sender; empty when none */
	unsigned flags;
	const struct slice *attachments; /* of the placeholders in `data` */
	unsigned attachment_count;	 /* at most SOCKETIO_MAX_ATTACHMENTS */
	uint64_t ask;
};

/* Life cycle. Each returns owned, with one reference. */
struct msg *msg_new_event(const struct msg_event *e);
/* MSG_TEXT, MSG_BINARY or MSG_BYTES; copies the payload. */
struct msg *msg_new_private(enum msg_kind kind, struct slice payload,
			    unsigned flags);
/*
 * MSG_PART: `bytes`, which lie in a frame of `whole`, as they are. Holds a
 * reference to `whole`, whose encoded form they share.
 */
struct msg *msg_new_part(struct msg *whole, struct slice bytes);
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

/* Whether a queue may leave m out: an event whose loss has a number. */
static inline bool msg_droppable(const struct msg *m)
{
	return m->kind == MSG_EVENT && m->seq;
}

/*
 * Whether a Socket.IO client that was cut off gets m when it is back, as the
 * reference server has it: volatile events and those that ask for an answer
 * are for whoever is there.
 */
static inline bool msg_recoverable(const struct msg *m)
{
	return m->kind == MSG_EVENT && !(m->flags & MSG_VOLATILE) && !m->ask;
}

/*
 * The bytes of `m` in `format`, encoded now if nobody needed them before.
 * Borrowed until the last reference goes. For FORMAT_EIO_POLLING without the
 * separator between packets.
 */
struct slice msg_encode(struct msg *m, enum wire_format format);

static inline struct slice msg_frame(struct msg *m, enum wire_format format)
{
	return format < FORMAT_COUNT && m->frames[format].n
		       ? m->frames[format]
		       : msg_encode(m, format);
}

#endif

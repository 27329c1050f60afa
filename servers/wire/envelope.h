/* SPDX-License-Identifier: MIT */
/*
 * The raw dialect's JSON objects (docs/PROTOCOLS.md), both directions: used by
 * the server to read commands and write messages, by clients the other way
 * round. `data` passes through byte for byte.
 */
#ifndef SERVERS_WIRE_ENVELOPE_H
#define SERVERS_WIRE_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

enum envelope_type {
	ENVELOPE_OTHER, /* an object whose type is none of these */
	/* client to server */
	ENVELOPE_JOIN,
	ENVELOPE_LEAVE,
	ENVELOPE_PUBLISH,
	ENVELOPE_RESUME,
	ENVELOPE_CHUNK,
	/* server to client */
	ENVELOPE_WELCOME,
	ENVELOPE_MESSAGE,
	ENVELOPE_GAP,
	ENVELOPE_ACK,
	ENVELOPE_ERROR,
};

/*
 * One decoded object. Strings are unescaped (into the caller's scratch where
 * needed); raw JSON values are slices of the input. Members that the object
 * lacks are empty or 0; `has_` tells where 0 is a legal value.
 */
struct envelope {
	enum envelope_type type;
	bool is_object; /* valid JSON, even if its members were refused */
	struct slice type_name; /* unescaped */
	bool has_id;
	struct slice id; /* raw JSON value, echoed in the answer as it came */
	struct slice room, event;
	struct slice data; /* raw JSON */
	bool exclude_self; /* "self": false */
	bool is_volatile;
	bool has_ack_timeout;
	uint64_t ack_timeout_ms;
	struct slice epoch;   /* resume, welcome */
	struct slice rooms;   /* raw JSON array: resume */
	struct slice payload; /* raw JSON: welcome, error */
	bool has_position;
	uint64_t position;
	uint64_t chunk, total; /* chunk */
	bool has_seq;
	uint64_t seq;
	uint64_t gap_from, gap_to; /* gap */
	struct slice from;	   /* message: sender's id, empty when none */
};

/*
 * Decodes one object. ERR_PROTO with *why a static sentence for the error
 * answer: "Invalid JSON", "expected a JSON object", "\"type\" must be a
 * string", "\"room\" must be a non-empty string of at most 255 bytes without
 * control characters", ... Only commands (client to server) are refused for
 * their members: an object of another type, or one that has the name of a
 * server's type and not its shape, is ENVELOPE_OTHER with `data` and `payload`
 * raw, not an error. When the object is readable enough, out->id is set even
 * on error, so that the error answer can carry it. `scratch` holds unescaped
 * strings and must outlive `out`; it is cleared first, and a limit of text.n
 * is enough for it.
 */
MUST_USE enum err envelope_decode(struct slice text, struct buf *scratch,
				  struct envelope *out, const char **why);

#define ENVELOPE_NAME_MAX 255 /* bytes of a room's or event's name */
/* 1..255 bytes of valid UTF-8 without control characters (C0, DEL, C1). */
bool envelope_name_valid(struct slice name);

/* Appends {"type":"message","room":R,...}; `from` empty: no member. */
MUST_USE enum err envelope_add_message(struct buf *b, struct slice room,
				       struct slice event, struct slice data,
				       struct slice from, uint64_t seq,
				       uint64_t position);
/* The same with "ack":<ask>, the number that an answer is to carry. */
MUST_USE enum err envelope_add_question(struct buf *b, struct slice room,
					struct slice event, struct slice data,
					struct slice from, uint64_t seq,
					uint64_t position, uint64_t ask);

/* Appends {"type":"ack","id":<id>,"data":<data>}; both raw JSON. */
MUST_USE enum err envelope_add_ack(struct buf *b, struct slice id,
				   struct slice data);
/* Appends {"type":"error"[,"id":<id>],"payload":"<text>"}. */
MUST_USE enum err envelope_add_error(struct buf *b, struct slice id,
				     struct slice text);
MUST_USE enum err envelope_add_welcome(struct buf *b, uint64_t total,
				       struct slice sid, struct slice id,
				       struct slice epoch, uint64_t position);
MUST_USE enum err envelope_add_gap(struct buf *b, struct slice room,
				   uint64_t from, uint64_t to);
/* Client side: join/leave/publish; `id` 0 asks for no answer. */
MUST_USE enum err envelope_add_join(struct buf *b, bool leave,
				    struct slice room, uint64_t id);
MUST_USE enum err envelope_add_publish(struct buf *b, struct slice room,
				       struct slice event, struct slice data,
				       bool exclude_self, uint64_t id);
/* One piece of an object's text; see servers/dialect/chunk.h. */
MUST_USE enum err envelope_add_chunk(struct buf *b, uint64_t id, uint64_t chunk,
				     uint64_t total, struct slice text);
MUST_USE enum err envelope_add_resume(struct buf *b, struct slice epoch,
				      uint64_t position,
				      const struct slice *rooms, size_t count,
				      uint64_t id);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO protocol 5: the packets inside Engine.IO messages.
 * `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`
 */
#ifndef SERVERS_WIRE_SOCKETIO_H
#define SERVERS_WIRE_SOCKETIO_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

enum socketio_type {
	SOCKETIO_CONNECT,
	SOCKETIO_DISCONNECT,
	SOCKETIO_EVENT,
	SOCKETIO_ACK,
	SOCKETIO_CONNECT_ERROR,
	SOCKETIO_BINARY_EVENT,
	SOCKETIO_BINARY_ACK,
};

#define SOCKETIO_MAX_ATTACHMENTS 10

struct socketio_packet {
	enum socketio_type type;
	unsigned attachments; /* of the BINARY types */
	struct slice nsp;     /* "/" when none was given */
	bool has_id;
	uint64_t id;
	struct slice data; /* the JSON text, validated; empty when none */
};

/*
 * Decodes and checks one packet: the JSON is valid and of the kind the type
 * needs (EVENT: a non-empty array that starts with an event name that is not
 * reserved (connect, connect_error, disconnect, disconnecting, newListener,
 * removeListener) or a number; ACK: an array; CONNECT: an object or nothing;
 * DISCONNECT: nothing; CONNECT_ERROR: an object or a string). It is stricter
 * than socket.io-parser 4.2 where that lets nonsense through: an EVENT, ACK or
 * CONNECT_ERROR without data, an ack id above 2^53-1, attachment counts such as
 * `1e0`, white space for an id. Whether the placeholders in binary data match
 * the attachments is the caller's to check. ERR_PROTO, ERR_LIMIT (too many
 * attachments). Slices are borrowed from `text`.
 */
MUST_USE enum err socketio_decode(struct slice text,
				  struct socketio_packet *out);
bool socketio_reserved_event(struct slice name);

/* Appends the packet's head up to where its JSON starts. */
MUST_USE enum err socketio_encode_head(struct buf *b, enum socketio_type type,
				       unsigned attachments, struct slice nsp,
				       bool has_id, uint64_t id);
/* Appends head and JSON. */
MUST_USE enum err socketio_encode(struct buf *b,
				  const struct socketio_packet *p);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO protocol 4: packets, and the payload of HTTP long polling that
 * joins packets with the byte 0x1e. Binary packets are `b` + base64 in
 * polling and binary frames in WebSocket, where no type character is sent.
 */
#ifndef SERVERS_WIRE_ENGINEIO_H
#define SERVERS_WIRE_ENGINEIO_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

enum engineio_type {
	ENGINEIO_OPEN,
	ENGINEIO_CLOSE,
	ENGINEIO_PING,
	ENGINEIO_PONG,
	ENGINEIO_MESSAGE,
	ENGINEIO_UPGRADE,
	ENGINEIO_NOOP,
};

#define ENGINEIO_SEPARATOR '\x1e'

struct engineio_packet {
	enum engineio_type type;
	bool binary;	   /* a MESSAGE whose data is bytes */
	struct slice data; /* borrowed; of binary in polling: still base64 */
};

/* Our own ids have 20 characters; other servers' may be longer. */
#define ENGINEIO_SID_MAX 64

struct engineio_open {
	char sid[ENGINEIO_SID_MAX + 1];
	bool upgrade; /* offers websocket */
	unsigned ping_interval_ms, ping_timeout_ms;
	unsigned long max_payload; /* bytes; 0 when the server names none */
};

/*
 * Decodes one packet as it stands in a polling payload or a text frame.
 * ERR_PROTO: empty, or of an unknown type.
 */
MUST_USE enum err engineio_decode(struct slice text,
				  struct engineio_packet *out);
/*
 * Takes the next packet's text off the front of a payload. False at the end,
 * which payload->p == NULL marks: a payload that is empty but not NULL, and
 * what follows a final separator, is one empty packet (an error to decode, as
 * it is for the reference parser).
 */
bool engineio_split(struct slice *payload, struct slice *packet);
/*
 * Appends the decoded bytes of a binary packet's base64. The padding may be
 * absent, but not wrong. ERR_PROTO, ERR_LIMIT: `out` is as it was.
 */
MUST_USE enum err engineio_decode_base64(struct slice base64, struct buf *out);

/* Appends one packet without separator. */
MUST_USE enum err engineio_encode(struct buf *b, enum engineio_type type,
				  struct slice data);
/* Appends `b` + base64 of `bytes`: a binary message in polling. */
MUST_USE enum err engineio_encode_binary(struct buf *b, struct slice bytes);
/*
 * Appends the open packet's JSON (sid, upgrades, pingInterval, ...), without
 * the type character before it.
 */
MUST_USE enum err engineio_encode_open(struct buf *b,
				       const struct engineio_open *open);
/* Parses an open packet's JSON (client). ERR_PROTO. */
MUST_USE enum err engineio_parse_open(struct slice json,
				      struct engineio_open *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * RFC 6455 as a pure codec for both roles: the opening handshake's key, frame
 * headers, and a receiver that turns bytes cut anywhere into messages and
 * control frames, over wslay's frame reader with its gaps closed
 * (docs/ARCHITECTURE.md lists them). It does no I/O and never blocks.
 *
 * An idle receiver owns no memory: wslay's 4 KiB frame context is borrowed
 * from a `struct ws_pool` only while a frame is incomplete, and a message
 * buffer exists only while a message is. So it is with the 40 KiB that inflate
 * a compressed message, unless the peer refers to its earlier messages.
 */
#ifndef SERVERS_WIRE_WEBSOCKET_H
#define SERVERS_WIRE_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/base/utf8.h"

enum ws_opcode {
	WS_CONTINUATION = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xa,
};

/* RFC 6455 section 7.4.1, and 1012-1014 as registered since. */
enum ws_close_code {
	WS_CLOSE_NORMAL = 1000,
	WS_CLOSE_GOING_AWAY = 1001,
	WS_CLOSE_PROTOCOL = 1002,
	WS_CLOSE_UNSUPPORTED = 1003,
	WS_CLOSE_NONE = 1005,	  /* never on the wire: no code was given */
	WS_CLOSE_ABNORMAL = 1006, /* never on the wire: no close frame came */
	WS_CLOSE_INVALID = 1007,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TOO_BIG = 1009,
	WS_CLOSE_INTERNAL = 1011,
	WS_CLOSE_RESTART = 1012,
	WS_CLOSE_TRY_LATER = 1013,
};

/* Opening handshake (section 4) */
#define WS_KEY_CHARS 24	   /* base64 of 16 bytes */
#define WS_ACCEPT_CHARS 28 /* base64 of a SHA-1 */
/* Whether `key` is base64 of exactly 16 bytes. */
bool ws_key_valid(struct slice key);
/* Sec-WebSocket-Accept for `key`, NUL-terminated. */
void ws_accept(struct slice key, char out[WS_ACCEPT_CHARS + 1]);
void ws_key_new(char out[WS_KEY_CHARS + 1]); /* random, for clients */

/* Frames out (section 5.2) */
#define WS_HEADER_MAX 14
/*
 * Writes the header of a frame; returns its length. `mask` is NULL from a
 * server, 4 random bytes from a client.
 */
size_t ws_header(uint8_t out[WS_HEADER_MAX], bool fin, uint8_t rsv,
		 enum ws_opcode opcode, uint64_t payload,
		 const uint8_t mask[4]);
/* XORs in place, `offset` bytes into the payload (section 5.3). */
void ws_mask(uint8_t *bytes, size_t n, const uint8_t mask[4], uint64_t offset);
/* Appends a whole unfragmented frame; masks with a fresh key if `masked`. */
MUST_USE enum err ws_add_frame(struct buf *b, enum ws_opcode opcode,
			       struct slice payload, bool masked);
/*
 * The same for a message of text or binary that permessage-deflate has
 * compressed (deflate.h): the first reserved bit says so.
 */
MUST_USE enum err ws_add_deflated(struct buf *b, enum ws_opcode opcode,
				  struct slice payload, bool masked);
/*
 * Appends a server's message of text or binary, in frames whose payload is at
 * most `fragment` bytes (0: in one), so that control frames find a place
 * between them. `deflated` says that the payload is compressed.
 */
MUST_USE enum err ws_add_message(struct buf *b, enum ws_opcode opcode,
				 struct slice payload, bool deflated,
				 size_t fragment);
/*
 * Makes such a message, not compressed, of what `b` holds from `start` on,
 * where it is: a large one is not copied. ERR_LIMIT, ERR_NOMEM (unchanged).
 */
MUST_USE enum err ws_frame_from(struct buf *b, size_t start,
				enum ws_opcode opcode, size_t fragment);
/*
 * The length of the frame at the start of `bytes`, which a server has written
 * whole; more than bytes.n when it is cut.
 */
uint64_t ws_frame_length(struct slice bytes);
/* Appends a close frame; `reason` is cut at 123 bytes on a character. */
MUST_USE enum err ws_add_close(struct buf *b, unsigned code,
			       struct slice reason, bool masked);
/*
 * Reads an unmasked, unfragmented, uncompressed data frame of up to 64 KiB at
 * the start of `bytes` without a receiver: the load worker's fast path.
 * Returns the whole frame's length and its payload, or 0 when it is anything
 * else or incomplete. Whether text is UTF-8 is not looked at.
 */
size_t ws_peek_plain(struct slice bytes, enum ws_opcode *opcode,
		     struct slice *payload);

/* Frames in */
struct ws_pool; /* spare parser contexts and inflaters of one loop */
struct ws_pool *ws_pool_new(void);
void ws_pool_free(struct ws_pool *p);

struct ws_events {
	/*
	 * A whole message (text is valid UTF-8) or control frame (payload at
	 * most 125 bytes). `payload` is borrowed for the call. Returning
	 * false stops the feed at once: either the owner closes itself, and
	 * MAY release the receiver within the call, or it keeps what follows
	 * (see ws_receiver_feed_some()) to feed it later. A callback that
	 * returns true MUST NOT have released it.
	 */
	bool (*on_frame)(void *arg, enum ws_opcode opcode,
			 struct slice payload);
};

struct ws_receiver {
	struct ws_parser *parser;  /* borrowed from the pool, or NULL */
	struct buf message;	   /* of a message still incomplete */
	struct inflater *inflater; /* of a compressed message, or NULL */
	struct utf8 utf8;
	uint8_t opcode;	    /* of the message in progress, 0 if none */
	bool server;	    /* we are the server: frames MUST be masked */
	bool closed;	    /* a close came or the feed failed: ignore all */
	bool deflate;	    /* messages may be compressed (RFC 7692) */
	bool keeps_context; /* ... and refer to earlier ones */
	bool compressed;    /* the message in progress is */
};

/* `limit`: the largest message in bytes. `server` says which role is ours. */
void ws_receiver_init(struct ws_receiver *r, bool server, size_t limit);
/*
 * permessage-deflate was agreed: from now on messages may be compressed. The
 * limit counts their inflated bytes, and UTF-8 is looked for in these. With
 * `keeps_context` the receiver owns an inflater from the first compressed
 * message until its release.
 */
void ws_receiver_deflate(struct ws_receiver *r, bool keeps_context);
void ws_receiver_release(struct ws_receiver *r, struct ws_pool *pool);
/*
 * Feeds bytes cut anywhere. On ERR_OK all were consumed. On failure
 * *close_code is what the close frame must say: 1002 (ERR_PROTO), 1007
 * (ERR_UTF8, and ERR_PROTO for what does not inflate: RFC 7692 names no code,
 * and "data not consistent with the type" fits), 1009 (ERR_LIMIT), 1011
 * (ERR_NOMEM), and *why a static sentence for its reason; the receiver then
 * ignores all further bytes.
 */
MUST_USE enum err ws_receiver_feed(struct ws_receiver *r, struct ws_pool *pool,
				   struct slice bytes,
				   const struct ws_events *events, void *arg,
				   unsigned *close_code, const char **why);
/*
 * The same; *used is how many of the bytes were consumed, all of them unless
 * the owner has stopped the feed.
 */
MUST_USE enum err ws_receiver_feed_some(struct ws_receiver *r,
					struct ws_pool *pool,
					struct slice bytes, size_t *used,
					const struct ws_events *events,
					void *arg, unsigned *close_code,
					const char **why);
/*
 * Splits a close frame's payload (section 5.5.1): *code is WS_CLOSE_NONE when
 * empty. The receiver has validated it already.
 */
void ws_close_parse(struct slice payload, unsigned *code, struct slice *reason);
/* Nothing of a frame or message is pending: the peer may be memo-compared. */
bool ws_receiver_idle(const struct ws_receiver *r);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The head of a WebSocket frame (RFC 6455 section 5.2), read and judged byte
 * by byte: what is wrong is found at the byte that makes it wrong, however
 * the bytes were cut. For the receiver in ws_receiver.c.
 */
#ifndef SERVERS_WIRE_WS_HEAD_H
#define SERVERS_WIRE_WS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/wire/websocket.h"

#define WS_CONTROL_MAX 125 /* payload bytes of a control frame */

struct ws_head {
	uint8_t size; /* of the head itself */
	uint8_t opcode;
	bool fin;
	bool compressed; /* a data frame of a compressed message */
	uint64_t payload;
	uint8_t mask[4]; /* when frames are masked */
};

/* What a frame must keep to at this point of the stream. */
struct ws_head_rules {
	bool masked;	 /* frames must be masked, or must not */
	bool in_message; /* a fragmented message is unfinished */
	bool deflate;	 /* messages may be compressed */
	bool compressed; /* ... and the unfinished one is */
	/* Of a data frame; somewhat more of one that is compressed. */
	uint64_t payload_max;
};

/*
 * Reads a head from the first `n` bytes of a frame, which may be fewer or
 * more than the head. ERR_AGAIN: right so far, and needs more. ERR_PROTO or
 * ERR_LIMIT with *why, a static sentence.
 */
MUST_USE enum err ws_head_read(const uint8_t *p, size_t n,
			       const struct ws_head_rules *rules,
			       struct ws_head *h, const char **why);

static inline bool ws_opcode_is_control(uint8_t opcode)
{
	return opcode >= WS_CLOSE;
}

#endif

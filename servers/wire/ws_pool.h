/* SPDX-License-Identifier: MIT */
/*
 * What the receivers of one loop borrow while something of a frame or message
 * is pending: a parser for a cut frame, an inflater for a compressed message,
 * and the place where a whole frame is unmasked. For ws_receiver.c.
 */
#ifndef SERVERS_WIRE_WS_POOL_H
#define SERVERS_WIRE_WS_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <wslay/wslay.h>

#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"
#include "servers/wire/ws_head.h"

#define WS_SPARE_INFLATERS 4
#define WS_SCRATCH_BYTES 65536 /* as much as one read of a socket gives */

struct ws_parser {
	struct ws_parser *next; /* in the pool */
	wslay_frame_context_ptr wslay;
	const uint8_t *in; /* what wslay's read gets next */
	size_t in_n;
	uint8_t bytes[WS_HEADER_MAX]; /* the head so far */
	uint8_t bytes_n;
	bool has_head;
	bool broken; /* wslay refused what it read */
	struct ws_head head;
	uint64_t left;	/* payload bytes still to come */
	bool masked;	/* what wslay reads now is unmasked on its way */
	uint64_t given; /* payload bytes that it has read */
	uint8_t control[WS_CONTROL_MAX];
	uint8_t control_n;
};

/* `lent` counts the parsers and inflaters that receivers have now. */
struct ws_pool {
	size_t lent;
	struct ws_parser *spare;
	unsigned spares;
	unsigned inflaters;
	struct inflater *inflater[WS_SPARE_INFLATERS];
	bool scratch_taken; /* by a callback further up the stack */
	uint8_t scratch[WS_SCRATCH_BYTES];
};

/* Each never fails; what is taken is given back by whoever took it. */
struct ws_parser *ws_pool_take_parser(struct ws_pool *pool);
void ws_pool_give_parser(struct ws_pool *pool, struct ws_parser *parser);
struct inflater *ws_pool_take_inflater(struct ws_pool *pool);
/* What `z` inflated is forgotten: its next user is another peer. */
void ws_pool_give_inflater(struct ws_pool *pool, struct inflater *z);

#endif

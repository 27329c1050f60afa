/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate (RFC 7692) as a pure codec: its negotiation in both
 * roles, and the two zlib streams. What it compresses never refers to an
 * earlier message, which each side may always do, so one `struct deflater` of
 * a loop serves every connection and a broadcast is compressed once for each
 * window size in use.
 *
 * Example, of a server:
 *	if (deflate_accept(offers, &terms, answer))
 *		ws_receiver_deflate(&receiver, terms.keeps_context);
 *	...
 *	e = deflater_add_frame(d, terms.window_bits, &out, WS_TEXT, text,
 *			       false);
 */
#ifndef SERVERS_WIRE_DEFLATE_H
#define SERVERS_WIRE_DEFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/wire/websocket.h"

/* Negotiation (section 7.1) */
#define DEFLATE_BITS_MIN 9 /* zlib has no raw window of 8 bits */
#define DEFLATE_BITS_MAX 15
#define DEFLATE_BITS_ANY 1 /* client_max_window_bits without a value */
#define DEFLATE_TEXT_MAX 160

/* What was agreed, as our side sees it. */
struct deflate_terms {
	bool on;
	/*
	 * What the peer compresses may refer to its earlier messages: the
	 * receiver then keeps an inflater for the connection's life.
	 */
	bool keeps_context;
	/* For what we compress: 9 to 15, or 0 when we had better not. */
	uint8_t window_bits;
};

/*
 * The server's side. `header` is Sec-WebSocket-Extensions, several of them
 * joined by commas. The first offer of permessage-deflate that is legal and
 * does not ask for a window of 8 bits is accepted; `answer` is then the
 * header's value, NUL-terminated. Any other header, malformed ones included,
 * gives false and terms that are off: the handshake goes on without.
 */
bool deflate_accept(struct slice header, struct deflate_terms *terms,
		    char answer[DEFLATE_TEXT_MAX]);

/* What a client offers; all zero is the bare extension. */
struct deflate_offer {
	bool server_no_context;
	bool client_no_context;
	uint8_t server_bits; /* 9 to 15, or 0 to leave it out */
	uint8_t client_bits; /* the same, or DEFLATE_BITS_ANY */
};

/* Writes the offer's text, NUL-terminated. */
void deflate_offer_text(const struct deflate_offer *offer,
			char text[DEFLATE_TEXT_MAX]);
/*
 * The client's side: reads the answer to `offer`. An empty header means that
 * the server declined. ERR_PROTO, with terms that are off, when it answers
 * what it may not: the client then fails the connection (section 5.1).
 */
MUST_USE enum err deflate_answer_read(const struct deflate_offer *offer,
				      struct slice header,
				      struct deflate_terms *terms);

/* Compressing (section 7.2.1) */
struct deflater; /* one of a loop: a zlib stream per window size in use */
/* `level` is zlib's, 1 (fast) to 9. */
struct deflater *deflater_new(int level);
void deflater_free(struct deflater *d);
/*
 * Appends the payload of one compressed message, without the final 00 00 ff
 * ff; `out` needs room for these and one more byte all the same. ERR_LIMIT or
 * ERR_NOMEM leave what `out` had as it was.
 */
MUST_USE enum err deflater_add(struct deflater *d, unsigned window_bits,
			       struct slice message, struct buf *out);
/*
 * Appends a whole unfragmented frame of the message, as ws_add_frame() does:
 * compressed, or plain when that is not longer, as section 6 permits.
 */
MUST_USE enum err deflater_add_frame(struct deflater *d, unsigned window_bits,
				     struct buf *out, enum ws_opcode opcode,
				     struct slice message, bool masked);

/*
 * Inflating (section 7.2.2). The window is always 15 bits, which reads what
 * any smaller one wrote. The output's limit is that of the message: no more
 * is ever allocated, and inflating stops at the first byte beyond it.
 */
struct inflater;
struct inflater *inflater_new(void);
void inflater_free(struct inflater *z);
/* Forgets the message in progress and all earlier ones. */
void inflater_reset(struct inflater *z);
/*
 * Appends to `out` what a piece of a message, cut anywhere, inflates to. The
 * work is bounded by the piece's length and by what `out` may still take.
 * ERR_PROTO: not DEFLATE data. ERR_LIMIT: longer than the limit. ERR_NOMEM.
 * On failure what came before the mistake has been appended, and the inflater
 * needs a reset.
 */
MUST_USE enum err inflater_add(struct inflater *z, struct slice piece,
			       struct buf *out);
/*
 * Behind a message's last piece. ERR_PROTO when the data ends within a block.
 * The next message may then refer to this one.
 */
MUST_USE enum err inflater_end(struct inflater *z);

#endif

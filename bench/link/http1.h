/* SPDX-License-Identifier: MIT */
/*
 * Follows HTTP/1.1 (RFC 9112) in one direction of a connection, as far as a
 * meddling proxy has to: where each message ends, and which header fields are
 * about an upgrade. What it is fed it hands on, those fields left out when it
 * was asked to; it may be fed one byte at a time.
 *
 * Both directions share a `struct http1_exchange`, since the answer to HEAD
 * has no body, and since 101 makes a tunnel of both.
 */
#ifndef BENCH_LINK_HTTP1_H
#define BENCH_LINK_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"

#define HTTP1_LINE_MAX 16384  /* of a header field with its line end */
#define HTTP1_REQUESTS_MAX 64 /* pipelined, not yet answered */

struct http1_exchange {
	uint64_t heads;	  /* bit i: the i-th request to be answered is HEAD */
	unsigned pending; /* requests not yet answered */
	bool tunnel;	  /* both directions are bytes without meaning */
};

enum http1_state {
	HTTP1_START,
	HTTP1_FIELD,
	HTTP1_BODY,	  /* `left` bytes of it */
	HTTP1_CHUNK_SIZE, /* a line */
	HTTP1_CHUNK,	  /* `left` bytes, its line end included */
	HTTP1_TRAILER,	  /* lines up to an empty one */
	HTTP1_UNTIL_END,  /* the body ends with the connection */
};

struct http1 {
	struct http1_exchange *exchange;
	enum http1_state state;
	struct buf line;
	uint64_t left;
	unsigned status; /* of the answer being read */
	bool answers;	 /* follows answers, not requests */
	bool strip;	 /* leaves the fields of an upgrade out */
	bool stripping;	 /* the field before was left out */
	bool chunked, head, has_length;
};

/* Life cycle; the exchange is zeroed by the caller and outlives both. */
void http1_init(struct http1 *h, struct http1_exchange *exchange, bool answers,
		bool strip);
void http1_release(struct http1 *h);

/* Operations */
/*
 * Adds to `out` what goes on. *whole: how many of the bytes then in `out`
 * end with a whole message (or with all, in a tunnel); 0: none does.
 * ERR_PROTO, ERR_LIMIT: this is not HTTP/1, or a line or pipeline is too long;
 * not to be fed again.
 */
MUST_USE enum err http1_feed(struct http1 *h, struct slice in, struct buf *out,
			     size_t *whole);
/*
 * The same up to the end of a message: what is behind it stays in *in. In a
 * tunnel it takes all.
 */
MUST_USE enum err http1_feed_one(struct http1 *h, struct slice *in,
				 struct buf *out);
/* The stream is over: what there is of a line goes on as it is. */
MUST_USE enum err http1_end(struct http1 *h, struct buf *out);

/* Queries */
/* Whether what it is fed next begins a message. */
bool http1_between(const struct http1 *h);

#endif

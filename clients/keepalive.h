/* SPDX-License-Identifier: MIT */
/*
 * A keep-alive HTTP/1.1 connection of one client, opened by its first request,
 * on which requests may be pipelined (RFC 9112 section 9.3). Answers come in
 * the order of the requests. It may end while nothing is in flight, by either
 * side: the next request then connects again.
 */
#ifndef CLIENTS_KEEPALIVE_H
#define CLIENTS_KEEPALIVE_H

#include <stdbool.h>

#include "clients/env.h"
#include "servers/base/buf.h"
#include "servers/base/conn.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/base/wheel.h"
#include "servers/wire/http1.h"

struct keepalive;

struct keepalive_ops {
	/* One whole answer; `body` is borrowed for the call. */
	void (*on_answer)(struct keepalive *k, unsigned status,
			  struct slice body);
	/*
	 * The oldest `lost` requests will not be answered; `in_flight` does
	 * not count them any more. A new request connects again.
	 */
	void (*on_lost)(struct keepalive *k, unsigned lost, enum err err,
			const char *why);
	/*
	 * MAY be NULL. Called with bytes that start where the answer to the
	 * only request in flight starts. True when they are exactly one answer
	 * after which the link stays, and were dealt with; else it MUST have
	 * done nothing.
	 */
	bool (*on_chunk)(struct keepalive *k, struct slice chunk);
};

struct keepalive {
	struct conn conn;
	struct client *client; /* borrowed */
	const struct keepalive_ops *ops;
	struct http1_parser parser;
	struct buf out;	    /* requests that the socket has not taken */
	struct buf body;    /* of an answer that comes in pieces */
	struct slice piece; /* the body so far, wherever it lies */
	struct timer idle;
	unsigned idle_ms;   /* ends after so long without requests; 0: never */
	unsigned in_flight; /* requests not answered yet */
	unsigned status;
	bool in_answer; /* between an answer's head and its end */
	bool done;	/* an answer's end was met */
	bool ends;	/* the server closes after this answer */
};

/* Life cycle */
void keepalive_init(struct keepalive *k, struct client *client,
		    const struct keepalive_ops *ops, unsigned idle_ms);
void keepalive_close(struct keepalive *k); /* without on_lost; idempotent */
void keepalive_release(struct keepalive *k);

/* Operations */
/* Queues one whole request. ERR_LIMIT: the server does not read. */
MUST_USE enum err keepalive_add(struct keepalive *k, struct slice head,
				struct slice body);
/* Connects ahead of a flush, to have the errors that come at once. */
MUST_USE enum err keepalive_connect(struct keepalive *k);
/* Connects if needed, and writes. Failure comes by on_lost. */
void keepalive_flush(struct keepalive *k);

#endif

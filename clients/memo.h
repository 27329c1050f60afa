/* SPDX-License-Identifier: MIT */
/*
 * Remembers the last chunk of bytes that was nothing but whole messages, with
 * what it decoded to. In a fan-out thousands of clients read the same bytes:
 * all but the first find them here, and pay one comparison.
 *
 * A client may use it only while no part of an earlier message is pending in
 * it, since then equal bytes have an equal meaning. The memo belongs to one
 * environment; it copies the chunk, so that its messages outlive the read.
 */
#ifndef CLIENTS_MEMO_H
#define CLIENTS_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "clients/client.h"
#include "servers/base/buf.h"
#include "servers/base/slice.h"

#define MEMO_MESSAGES 64     /* a chunk with more is decoded by each client */
#define MEMO_CHUNK_MAX 65536 /* bytes */

/*
 * Decodes `chunk` into at most `max` messages whose slices lie in `chunk` or
 * are static. Returns how many, or 0 when the chunk holds anything else, a
 * part of a message included; it must have no other effect.
 */
typedef size_t memo_decode_fn(struct client_env *env, struct slice chunk,
			      struct client_message *out, size_t max);

struct memo {
	struct buf chunk;	/* empty: nothing is remembered */
	memo_decode_fn *decode; /* what it was decoded by */
	struct client_message messages[MEMO_MESSAGES];
	size_t count;
	uint64_t last_id; /* handed out to a message */
};

enum memo_result {
	MEMO_REFUSED, /* not made of whole messages only: nothing was done */
	MEMO_LEARNED, /* handed out after decoding them */
	MEMO_KNOWN,   /* handed out as remembered */
};

/* Life cycle */
void memo_init(struct memo *m);
void memo_release(struct memo *m);

/* Operations */
/* Hands the messages of `chunk` to the client, until it is closed. */
enum memo_result memo_deliver(struct memo *m, struct client *c,
			      struct slice chunk, memo_decode_fn *decode);

#endif

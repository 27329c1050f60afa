/* SPDX-License-Identifier: MIT */
/*
 * Joined frames: what many transports with equal queues are due, copied into
 * one run of bytes once and written by each in one system call. Used by
 * transport.c; the hub owns the one cache and clears it when nothing is due.
 *
 * Queues are compared by their messages' addresses. An entry holds references
 * to its messages, so that an address cannot come to mean another message
 * while the entry lives.
 */
#ifndef SERVERS_CORE_JOIN_H
#define SERVERS_CORE_JOIN_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/core/msg.h"
#include "servers/core/outq.h"

#define JOIN_MESSAGES 64 /* at most so many in one run */

struct join_cache;
struct joined;

/* Life cycle */
struct join_cache *join_cache_new(void); /* returns owned */
void join_cache_free(struct join_cache *c);
void join_cache_clear(struct join_cache *c); /* drops bytes and references */

/* Operations; `out` as transport_join() tells. */
/*
 * False when no other transport can have the same queue, so that copying it
 * would be for nothing. q->offset must be 0, the queue not empty.
 */
bool join_shared(struct join_cache *c, const struct outq *q,
		 enum wire_format format, size_t max_bytes, struct joined *out);
/* Joins in any case. */
void join_any(struct join_cache *c, const struct outq *q,
	      enum wire_format format, size_t max_bytes, struct joined *out);

#endif

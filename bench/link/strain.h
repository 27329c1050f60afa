/* SPDX-License-Identifier: MIT */
/*
 * What a meddling proxy does to the bytes of one HTTP connection before they
 * travel on: it leaves out the fields of an upgrade, and keeps back answers
 * until there are enough bytes of them or they are complete.
 */
#ifndef BENCH_LINK_STRAIN_H
#define BENCH_LINK_STRAIN_H

#include "bench/link/http1.h"

enum strain_way {
	STRAIN_REQUESTS,
	STRAIN_ANSWERS,
};

struct strain {
	struct http1_exchange exchange;
	struct http1 requests, answers;
	struct buf kept[2]; /* by strain_way */
	size_t hold;	    /* answers wait for so many bytes; 0: they do not */
	bool on;	    /* else everything goes on as it is */
};

/* Life cycle */
void strain_init(struct strain *s, bool no_upgrade, size_t hold);
void strain_release(struct strain *s);

/* Operations */
/*
 * Takes bytes and sets *go to those that travel on now, borrowed until the
 * next call for this way; then strain_gone(). ERR_PROTO, ERR_LIMIT as
 * http1_feed().
 */
MUST_USE enum err strain_feed(struct strain *s, enum strain_way way,
			      struct slice in, struct slice *go);
/* Drops the first n bytes: those that went on. */
void strain_gone(struct strain *s, enum strain_way way, size_t n);
/* What is kept when the stream ends: it goes on before the end. */
struct slice strain_rest(const struct strain *s, enum strain_way way);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a meddling proxy does to the bytes of one HTTP connection before they
 * travel on: it leaves out the fields of an upgrade, keeps back answers until
 * there are enough bytes of them or they are complete, and lets one request at
 * a time go on, each when it is admitted.
 *
 * In turns, a request that comes while another one of its connection is under
 * way (pipelining) waits as if it came when that is answered, so that a
 * connection never has more than one. A request is under way until the last
 * byte of its answer, or until 101 makes a tunnel of the connection.
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
	struct buf waiting; /* requests that are not admitted, as they came */
	size_t hold;	    /* answers wait for so many bytes; 0: they do not */
	bool turns;	    /* requests wait until they are admitted */
	bool admitted;	    /* one request, until it is answered */
	bool on;	    /* else everything goes on as it is */
};

/* Life cycle */
void strain_init(struct strain *s, bool no_upgrade, size_t hold, bool turns);
void strain_release(struct strain *s);

/* Operations */
/*
 * Takes bytes and sets *go to those that travel on now, borrowed until the
 * next call for this way; then strain_gone(). No bytes: what may go on since
 * the last call. ERR_PROTO, ERR_LIMIT as http1_feed().
 */
MUST_USE enum err strain_feed(struct strain *s, enum strain_way way,
			      struct slice in, struct slice *go);
/* Drops the first n bytes: those that went on. */
void strain_gone(struct strain *s, enum strain_way way, size_t n);
/* The stream is over: returns what was kept, which goes on before the end. */
struct slice strain_end(struct strain *s, enum strain_way way);
/* The request that waits goes on with the next strain_feed(). */
void strain_admit(struct strain *s);
void strain_forget(struct strain *s); /* drops the requests that wait */

/* Queries */
bool strain_waits(const struct strain *s); /* a request for strain_admit() */
/* Whether it should be fed no more yet: enough waits already. */
bool strain_full(const struct strain *s, enum strain_way way);

#endif

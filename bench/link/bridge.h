/* SPDX-License-Identifier: MIT */
/*
 * One relayed connection: the client's end, the server's, and between them a
 * lane each way. Bytes are read while the lane has room and the link's queue
 * is not full, come out at their time, and the ends of streams follow them.
 *
 * The server is connected to one and a half round trips after the client was
 * accepted, when the last part of the handshake would have reached it.
 *
 * Under the plan's `requests` it is not connected to before a request has its
 * turn, since a browser has no connection for one that waits. A request has a
 * turn from when it was read until its answer has come out at the client, or
 * the client has left: the end of its stream counts as that, since a browser
 * does not half-close.
 */
#ifndef BENCH_LINK_BRIDGE_H
#define BENCH_LINK_BRIDGE_H

#include "bench/link/gate.h"
#include "bench/link/lane.h"
#include "bench/link/plan.h"
#include "bench/link/strain.h"
#include "bench/link/turns.h"
#include "bench/link/units.h"
#include "servers/base/conn.h"
#include "servers/base/reaper.h"

/* What all bridges of a relay share. */
struct bridge_shared {
	const struct plan *plan;
	struct endpoint to;
	struct loop *loop;
	struct alarms *alarms;
	struct gate to_server, to_client;
	struct turns turns;  /* to have a request under way */
	struct list bridges; /* the open ones, by `link` */
	struct reaper reaper;
	size_t count;
	struct {
		uint64_t connections, refused, cut, idle, malformed;
		uint64_t bytes_to_server, bytes_to_client;
	} stats;
};

struct bridge;

struct bridge_end {
	struct bridge *bridge;
	struct bridge_end *other;
	struct conn conn;
	struct lane lane;  /* what travels to this end */
	struct gate *gate; /* that what this end sends passes */
	struct gate_waiter waiter;
	enum strain_way way; /* of what this end sends */
	uint64_t *bytes;     /* counts what is written to this end */
	bool paused;	     /* reading waits for room or its turn */
	bool over;	     /* it sends no more: it ended or was reset */
	bool told;	     /* and was told that the other does not, either */
};

struct bridge {
	struct list link;
	struct bridge_shared *shared;
	struct bridge_end client, server;
	struct strain strain;
	struct turn turn;
	struct alarm connect, cut, hole, idle;
	uint64_t active_ns; /* when bytes passed last */
	bool wanted;	    /* the server: some request had its turn */
	bool holed;	    /* nothing passes any more */
};

/* Life cycle */
/* Takes `fd`, an accepted connection. It frees itself when it is over. */
void bridge_open(struct bridge_shared *shared, int fd);
/* Resets both ends, or under `half_open` the client's only. */
void bridge_cut(struct bridge *b);
void bridge_close(struct bridge *b); /* both ends, at once */
void bridge_free(struct list *link); /* the reaper's, behind the tick */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A large payload beside a slice: while the rig's workers measure a room, a
 * load worker of its own sends it to one subscriber in another room. It gives
 * way to the others, so that their clock does not wait for its work.
 *
 * Errors are those of rig.h; that the payload does not arrive is not one of
 * them, but in the result.
 */
#ifndef BENCH_RUN_RIG_BULK_H
#define BENCH_RUN_RIG_BULK_H

#include <stdbool.h>

#include "bench/run/rig.h"

struct worker;

struct rig_bulk {
	struct rig *rig; /* borrowed */
	struct worker *worker;
	struct load_plan plan;
	uint64_t chunk;		   /* bytes; see load.h */
	struct load_result result; /* once it was waited for */
	bool under_way;
};

/* Life cycle */
void rig_bulk_init(struct rig_bulk *b, struct rig *r,
		   const struct load_plan *plan);
void rig_bulk_release(struct rig_bulk *b);

/* Operations */
/* Starts the worker, connects publisher and subscriber to that server. */
MUST_USE enum err rig_bulk_connect(struct rig_bulk *b, int server);
/* Begins to send. A rig_event: `bulk` is the struct rig_bulk. */
MUST_USE enum err rig_bulk_begin(void *bulk);
/* Until it is over, one way or another; at once if it has not begun. */
MUST_USE enum err rig_bulk_await(struct rig_bulk *b);

#endif

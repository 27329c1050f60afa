/* SPDX-License-Identifier: MIT */
/*
 * What makes a bare server slow in a known way, to prove that it is reported
 * as it is: messages are held back for a fixed time, and at fixed
 * intervals the whole process stands still. The server calls it; each frame
 * that was held comes out once it is due, in the order it came. A server that
 * holds any does not sleep: being woken late would add to what is known.
 */
#ifndef BENCH_LOAD_DISTURB_H
#define BENCH_LOAD_DISTURB_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/bare_server.h"
#include "servers/base/buf.h"
#include "servers/base/slice.h"

struct disturb {
	struct bare_disturbance plan;
	int stall_fd;	 /* a timer, or -1 */
	struct buf held; /* struct held and its bytes, oldest first */
	size_t given;	 /* of the held, by disturb_next() */
};

/* Life cycle */
/* Disturbs nothing. */
void disturb_init(struct disturb *d);
/* ERR_IO when the timer cannot be had. */
MUST_USE enum err disturb_start(struct disturb *d,
				const struct bare_disturbance *plan);
void disturb_release(struct disturb *d);

/* Operations */
/* Holds a frame for a room, if messages are held at all. ERR_LIMIT. */
MUST_USE enum err disturb_hold(struct disturb *d, uint32_t room,
			       struct slice frame);
/*
 * The next frame that is due, valid until the next call of anything here.
 */
bool disturb_next(struct disturb *d, uint32_t *room, struct slice *frame);
bool disturb_holds(const struct disturb *d);
/* Stands still, when stall_fd says so. */
void disturb_stall(struct disturb *d);

#endif

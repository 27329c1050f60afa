/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one connection that travel in one direction, each run of them
 * with the time at which it comes out, and behind them how the stream ends.
 * Order is kept: what has less delay than what went before waits for it.
 */
#ifndef BENCH_LINK_LANE_H
#define BENCH_LINK_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bench/link/alarm.h"
#include "bench/link/shaper.h"
#include "servers/base/slice.h"

struct lane;
struct segment;
typedef void lane_fn(struct lane *l);

enum lane_end {
	LANE_OPEN,
	LANE_FIN,
	LANE_RESET,
};

struct lane {
	struct shaper *shaper;
	struct segment *first, *last;
	size_t held;  /* bytes, with what keeping them costs */
	size_t limit; /* on `held`, exceeded by one push at most */
	uint64_t last_due_ns;
	enum lane_end end; /* what comes out behind the bytes */
	uint64_t end_due_ns;
	struct alarm alarm;
	lane_fn *on_due;
};

/* Life cycle */
/* Borrows the shaper. `on_due` tells when lane_arm()'s time has come. */
void lane_init(struct lane *l, struct alarms *alarms, struct shaper *shaper,
	       size_t limit, lane_fn *on_due);
void lane_release(struct lane *l); /* drops what is under way; idempotent */

/* Operations */
void lane_push(struct lane *l, uint64_t now_ns, struct slice bytes);
void lane_push_end(struct lane *l, uint64_t now_ns, enum lane_end end);
/* Puts up to `max` runs that are due into `iov`; returns how many. */
int lane_due(const struct lane *l, uint64_t now_ns, struct iovec *iov, int max);
void lane_consume(struct lane *l, size_t n); /* the first n bytes are out */
/* Sets the alarm for what is next, unless that is due already. */
void lane_arm(struct lane *l, uint64_t now_ns);

/* Queries */
/* How many more bytes should be pushed now. */
static inline size_t lane_room(const struct lane *l)
{
	return l->held < l->limit ? l->limit - l->held : 0;
}
/* The end, once all bytes are out and its own time has come. */
enum lane_end lane_ended(const struct lane *l, uint64_t now_ns);

#endif

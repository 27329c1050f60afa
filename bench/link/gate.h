/* SPDX-License-Identifier: MIT */
/*
 * One direction of a relayed link: its shaper, and who waits to put bytes
 * into it. While as many bytes as the queue holds wait for the rate, nobody
 * reads on, so that senders feel the link; then each waiter gets its turn.
 */
#ifndef BENCH_LINK_GATE_H
#define BENCH_LINK_GATE_H

#include <stdbool.h>

#include "bench/link/alarm.h"
#include "bench/link/shaper.h"
#include "servers/base/list.h"

struct gate_waiter;
typedef void gate_fn(struct gate_waiter *w);

struct gate_waiter {
	struct list link;
	gate_fn *turn;
};

struct gate {
	struct shaper shaper;
	size_t queue; /* bytes */
	struct clock *clock;
	struct alarm alarm;
	struct list waiting;
};

/* Life cycle; the shaper is the caller's to initialise. */
void gate_init(struct gate *g, struct alarms *alarms, struct clock *clock,
	       size_t queue);
void gate_release(struct gate *g);
void gate_waiter_init(struct gate_waiter *w, gate_fn *turn);

/* Operations */
/*
 * Whether a read may go on now. If not, `turn` is called once it may, in
 * which the waiter should put in one read's worth and ask again.
 */
MUST_USE bool gate_pass(struct gate *g, struct gate_waiter *w, uint64_t now_ns);
void gate_leave(struct gate_waiter *w); /* legal when not waiting */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One direction of a link that carries IP packets: each waits in the queue
 * for the rate, travels for the delay, and may be lost or fall behind those
 * that were sent after it. A packet that finds the queue full is dropped, as
 * a router does it, which is what congestion control goes by.
 */
#ifndef BENCH_LINK_PACKETS_H
#define BENCH_LINK_PACKETS_H

#include <stdbool.h>

#include "bench/link/alarm.h"
#include "bench/link/plan.h"
#include "bench/link/shaper.h"
#include "servers/base/list.h"
#include "servers/base/slice.h"

#define PACKETS_HELD_MAX ((size_t)64 * 1024 * 1024) /* bytes under way */

struct packets;
/* `packet` comes out. */
typedef void packets_fn(struct packets *p, struct slice packet);

struct packets_stats {
	uint64_t sent, bytes; /* that came out */
	uint64_t lost;	      /* by --loss */
	uint64_t dropped;     /* the queue was full */
	uint64_t reordered;
	uint64_t swallowed; /* by the black hole */
};

struct packets {
	struct alarms *alarms;
	struct shaper shaper;
	struct rng rng; /* for loss and reordering */
	double loss, reorder;
	size_t queue, held;
	struct list under_way;
	uint64_t last_due_ns;
	bool holed; /* nothing passes any more */
	packets_fn *out;
	struct packets_stats stats;
};

/* Life cycle */
void packets_init(struct packets *p, struct alarms *alarms,
		  const struct plan *plan, uint64_t seed, packets_fn *out);
void packets_release(struct packets *p); /* drops what is under way */

/* Operations */
void packets_push(struct packets *p, uint64_t now_ns, struct slice packet);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Who may have a request under way: at most so many at once, and who comes
 * when all turns are taken waits in a queue, first come first served.
 *
 * A turn that is given back goes to the first waiter from an alarm, not from
 * inside turns_give(), so that ending one connection never acts on another
 * one in the midst of it.
 */
#ifndef BENCH_LINK_TURNS_H
#define BENCH_LINK_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/link/alarm.h"
#include "servers/base/clock.h"
#include "servers/base/list.h"

struct turn;
typedef void turn_fn(struct turn *t);

/* Embedded in the owner's struct; `come` finds it by container_of. */
struct turn {
	struct list link; /* in the queue, while it waits */
	turn_fn *come;
	bool had;
};

struct turns {
	struct clock *clock;
	struct alarm alarm;
	struct list queue;
	size_t most, taken;
	size_t waiting;	 /* now */
	uint64_t waited; /* ever: turns that had to be waited for */
};

/* Life cycle */
/* Borrows both. With `most` 0 nobody must ask for a turn. */
void turns_init(struct turns *s, struct alarms *alarms, struct clock *clock,
		size_t most);
void turns_release(struct turns *s);
void turn_init(struct turn *t, turn_fn *come);

/* Operations */
/*
 * Whether `t` has its turn, now or already. If not, it is in the queue, and
 * `come` is called once it has.
 */
MUST_USE bool turns_take(struct turns *s, struct turn *t);
/* Gives the turn back or leaves the queue; legal for who has and waits not. */
void turns_give(struct turns *s, struct turn *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Timers of a nanosecond's resolution, for what must leave at its time: a
 * heap of deadlines and one timerfd, beside the loop's wheel, which counts
 * milliseconds. Those that are due fire in the order of their deadlines, and
 * of being set where these are equal.
 *
 * Without a loop (tests on simulated time) only alarms_run() fires them.
 */
#ifndef BENCH_LINK_ALARM_H
#define BENCH_LINK_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/base/loop.h"

struct alarm;
struct alarms;
typedef void alarm_fn(struct alarm *a);

/* Embedded in the owner's struct; `fire` finds it by container_of. */
struct alarm {
	uint64_t due_ns;
	uint64_t order; /* among those of the same deadline */
	size_t place;	/* 0, or 1 + its index in the heap */
	alarm_fn *fire;
	struct alarms *in;
};

#define ALARM_NEVER UINT64_MAX

/* Life cycle */
/* Borrows `loop` (or NULL) until alarms_free(). ERR_LIMIT, ERR_IO. */
MUST_USE enum err alarms_new(struct loop *loop, struct alarms **out);
void alarms_free(struct alarms *s); /* what is set is forgotten */
void alarm_init(struct alarm *a, struct alarms *s, alarm_fn *fire);

/* Operations */
/*
 * Sets it, again if it was set. The timer is set at a tick's end: who calls
 * this between two ticks, other than before the first, must not let the next
 * one sleep (loop_wake_within()).
 */
void alarm_set(struct alarm *a, uint64_t due_ns);
void alarm_cancel(struct alarm *a); /* legal when not set */
/*
 * Fires what is due at `now_ns`. `fire` may set and cancel any alarm and free
 * the struct that holds its own. What it sets does not fire in the same run.
 */
void alarms_run(struct alarms *s, uint64_t now_ns);

/* Queries */
static inline bool alarm_is_set(const struct alarm *a)
{
	return a->place != 0;
}
uint64_t alarms_next(const struct alarms *s); /* ALARM_NEVER: none is set */

#endif

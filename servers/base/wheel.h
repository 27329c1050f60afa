/* SPDX-License-Identifier: MIT */
/*
 * Hierarchical timer wheel with a resolution of 1 ms: arming, cancelling and
 * expiry are O(1), so that every connection can have a heartbeat.
 *
 * A timer is armed for an absolute deadline; its callback runs from
 * wheel_run() at the first call whose `now_ms` is at or past the deadline,
 * never before it. A callback may arm or cancel any timer, its own included,
 * and may free the struct that holds its own timer.
 */
#ifndef SERVERS_BASE_WHEEL_H
#define SERVERS_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/list.h"

struct timer;
struct wheel;
typedef void timer_fn(struct timer *t);

struct timer {
	struct list link;
	uint64_t deadline_ms;
	timer_fn *fire;
	struct wheel *wheel; /* the one it is armed in */
};

/* Life cycle */
struct wheel *wheel_new(uint64_t now_ms); /* returns owned */
void wheel_free(struct wheel *w);	  /* armed timers are forgotten */
void timer_init(struct timer *t, timer_fn *fire);

/* Operations */
/* Arms t (again, if it was armed) to fire `delay_ms` after wheel_now(). */
void timer_arm(struct wheel *w, struct timer *t, uint64_t delay_ms);
void timer_cancel(struct timer *t); /* legal when not armed */
/* Moves time on and fires what is due. `now_ms` never goes back. */
void wheel_run(struct wheel *w, uint64_t now_ms);

/* Queries */
bool timer_armed(const struct timer *t);
uint64_t wheel_now(const struct wheel *w); /* as of the last wheel_run() */
/*
 * Milliseconds from `now_ms` until something may be due: 0 when overdue, -1
 * when nothing is armed. May be early (a lower wheel has to be refilled),
 * never late.
 */
int wheel_timeout(const struct wheel *w, uint64_t now_ms);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One epoll loop with one timer wheel: the whole of a server's or a load
 * worker's concurrency. A tick is: wait, fire timers, dispatch descriptors,
 * run the deferred ones, then the end-of-tick hooks in the order they were
 * added (flush of dirty transports, MHD_run, ...).
 *
 * Pointers to `struct loop_fd` in the current batch of events stay safe: a
 * loop_fd that is removed while its event is pending is skipped.
 */
#ifndef SERVERS_BASE_LOOP_H
#define SERVERS_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/clock.h"
#include "servers/base/err.h"
#include "servers/base/list.h"
#include "servers/base/wheel.h"

struct loop;
struct loop_fd;
typedef void loop_fd_fn(struct loop_fd *f, uint32_t epoll_events);

/* Embedded in the owner's struct; `on_event` finds it by container_of. */
struct loop_fd {
	int fd;		/* -1 when not registered */
	uint32_t again; /* 0, or 1 + its place among the deferred */
	loop_fd_fn *on_event;
};

/*
 * End-of-tick hook: returns true when it has more to do at once, so that the
 * next wait does not sleep (fan-out is cut into slices by this).
 */
struct loop_hook {
	struct list link;
	bool (*run)(struct loop_hook *h);
};

/* Life cycle */
MUST_USE enum err loop_new(struct clock *clock, struct loop **out);
void loop_free(struct loop *l); /* registered descriptors stay open */

/* Operations */
/* `events` as for epoll_ctl (EPOLLIN, EPOLLET, ...). ERR_LIMIT, ERR_IO. */
MUST_USE enum err loop_add(struct loop *l, struct loop_fd *f, int fd,
			   uint32_t events, loop_fd_fn *on_event);
MUST_USE enum err loop_modify(struct loop *l, struct loop_fd *f,
			      uint32_t events);
void loop_remove(struct loop *l, struct loop_fd *f); /* does not close fd */
/*
 * Asks for another on_event(f, events) in the next tick without sleeping in
 * between: for an edge-triggered reader that stops early to be fair.
 */
void loop_again(struct loop *l, struct loop_fd *f, uint32_t events);
void loop_add_hook(struct loop *l, struct loop_hook *h);
void loop_remove_hook(struct loop_hook *h);
/* Caps the next sleep at `ms` (0: do not sleep). Counts for one tick. */
void loop_wake_within(struct loop *l, int ms);
/* Block (false, the default) or spin: wait with a time-out of zero. */
void loop_spin(struct loop *l, bool spin);
/* One tick; waits at most `max_wait_ms` (-1: until something happens). */
MUST_USE enum err loop_tick(struct loop *l, int max_wait_ms);
/* Ticks until loop_stop(). */
MUST_USE enum err loop_run(struct loop *l);
void loop_stop(struct loop *l); /* async-signal-safe only via an eventfd */

/* Queries */
/*
 * Whether f's on_event is running and f was not removed in it: after calling
 * out, on_event asks this before it touches what holds f.
 */
bool loop_dispatching(const struct loop *l, const struct loop_fd *f);
struct wheel *loop_wheel(struct loop *l);   /* borrowed */
uint64_t loop_now_ns(const struct loop *l); /* read once at the tick's start */
uint64_t loop_now_ms(const struct loop *l);
struct clock *loop_clock(struct loop *l);

#endif

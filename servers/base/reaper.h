/* SPDX-License-Identifier: MIT */
/*
 * Deferred freeing. A connection that ends deep inside a callback is handed
 * to its backend's reaper, which frees it at the end of the tick, when
 * nothing on the stack refers to it any more. An end may be news for many, so
 * when many end at once, each tick takes as many as a slice of time allows.
 */
#ifndef SERVERS_BASE_REAPER_H
#define SERVERS_BASE_REAPER_H

#include "servers/base/loop.h"

/* Frees the struct that embeds `link` (already out of the list). */
typedef void reaper_fn(struct list *link);

struct reaper {
	struct loop *loop;
	struct loop_hook hook;
	struct list dead;
	reaper_fn *free_one;
};

void reaper_init(struct reaper *r, struct loop *loop, reaper_fn *free_one);
void reaper_release(struct reaper *r); /* frees what is left */
/* Moves `link` from whatever list it is in to the dead. */
void reaper_add(struct reaper *r, struct list *link);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Several load workers as one: the subscribers of each group are split over
 * them, the first one sends, all start a slice together, and what they say
 * is put together (merge.h) to what one would have said. With one worker it is
 * that worker, and nothing is shared.
 *
 * The operations are those of worker.h.
 */
#ifndef BENCH_LOAD_TEAM_H
#define BENCH_LOAD_TEAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/board.h"
#include "bench/load/load.h"
#include "servers/base/err.h"

#define TEAM_MAX BOARD_SEATS

struct team;

struct team_options {
	uint32_t workers;   /* 1..TEAM_MAX */
	const int *cpus;    /* dealt to them in turn; borrowed for the call */
	uint32_t cpu_count; /* 0: not pinned */
	pid_t network;	    /* as in worker_role */
};

/* Life cycle */
/* ERR_LIMIT, ERR_IO: not all of them could be started. */
MUST_USE enum err team_start(const struct team_options *o, struct team **out);
void team_stop(struct team *t); /* NULL is legal */

/* Operations */
/* ERR_CLOSED: one is gone, team_reason() tells which. ERR_AGAIN. */
MUST_USE enum err team_begin_connect(struct team *t,
				     const struct load_target *target);
MUST_USE enum err team_begin_run(struct team *t, const struct load_plan *p);
MUST_USE enum err team_begin_disconnect(struct team *t, int group);
/* Up to `ms`, until all have answered. */
MUST_USE enum err team_wait(struct team *t, int ms);
/*
 * After team_wait() said ERR_OK. `*out` must be initialised. Its error, if any,
 * names the worker.
 */
MUST_USE enum err team_take_connected(struct team *t,
				      struct load_connected *out);
MUST_USE enum err team_take_result(struct team *t, struct load_result *out);
MUST_USE enum err team_take_disconnected(struct team *t);

/* Queries */
uint32_t team_size(const struct team *t);
pid_t team_pid(const struct team *t, uint32_t index); /* of one worker */
/*
 * Which one ended and how, as "load worker 2 of 3 was killed by signal 9
 * (Killed)"; "the load worker ..." for one alone.
 */
void team_reason(const struct team *t, char *into, size_t size);

#endif

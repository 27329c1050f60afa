/* SPDX-License-Identifier: MIT */
/*
 * The load worker, a process of its own so that it can have a core of its own
 * and its CPU can be told from everybody else's. This is the orchestrator's
 * handle on it: commands and results travel as lines of JSON over a socket
 * pair. One command is under way at a time.
 *
 * Waiting is bounded and can be interleaved with other duties (a server that
 * dies, Ctrl-C, a progress line): begin, then worker_wait() in small steps.
 *
 * Several groups of connections may be open at once (A and B of A B B A),
 * each to its own server; a slice names its group, the others stay idle but
 * are still served (heartbeats).
 *
 * Example:
 *	struct worker *w;
 *	struct load_result r;
 *	load_result_init(&r);
 *	if (worker_start(1, &w) == ERR_OK &&
 *	    worker_connect(w, &target, &connected) == ERR_OK &&
 *	    worker_run(w, &plan, &r) == ERR_OK)
 *		use(&r);
 *	worker_stop(w);
 */
#ifndef BENCH_LOAD_WORKER_H
#define BENCH_LOAD_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/load.h"
#include "servers/base/err.h"

struct board;
struct worker;

struct worker_role {
	int cpu;       /* -1: not pinned */
	int nice;      /* added to its own, as nice(2): others go first */
	pid_t network; /* in the network namespace of that process, or 0 */
	struct board *board; /* borrowed; NULL: it works alone */
	uint32_t seat;	     /* there */
};

/* Life cycle */
/*
 * Forks the worker, pinned to `cpu` (-1: not pinned). In the child every other
 * descriptor but standard error is closed, SIGINT and SIGTERM are ignored (they
 * reach the whole group, and the orchestrator decides what they mean), and it
 * dies with its parent.
 */
MUST_USE enum err worker_start(int cpu, struct worker **out);
/* The same in another network namespace, or in a team. */
MUST_USE enum err worker_start_as(const struct worker_role *role,
				  struct worker **out);
/* Asks it to exit, kills it after a second, reaps it. NULL is legal. */
void worker_stop(struct worker *w);

/* Operations */
/*
 * Begin: ERR_OK when the command is on its way, ERR_CLOSED when the worker is
 * gone, ERR_AGAIN while another command is under way.
 */
MUST_USE enum err worker_begin_connect(struct worker *w,
				       const struct load_target *t);
MUST_USE enum err worker_begin_run(struct worker *w, const struct load_plan *p);
MUST_USE enum err worker_begin_disconnect(struct worker *w, int group);
/*
 * Waits up to `ms` for the answer to be there. ERR_OK: take it with the
 * matching worker_take_*(). ERR_AGAIN: not yet. ERR_CLOSED: the worker died.
 */
MUST_USE enum err worker_wait(struct worker *w, int ms);
/* Ends the slice under way early: its result comes with what there is. */
void worker_cut_short(struct worker *w);
/* After worker_wait() said ERR_OK. ERR_PROTO: not the answer asked for.
 * `*out` must be initialised. */
MUST_USE enum err worker_take_connected(struct worker *w,
					struct load_connected *out);
MUST_USE enum err worker_take_result(struct worker *w, struct load_result *out);
MUST_USE enum err worker_take_disconnected(struct worker *w);

/*
 * All in one, waiting until it is done. An answer whose `error` is not empty
 * is ERR_IO (the text is in it), a dead worker ERR_CLOSED.
 */
MUST_USE enum err worker_connect(struct worker *w, const struct load_target *t,
				 struct load_connected *out);
MUST_USE enum err worker_run(struct worker *w, const struct load_plan *p,
			     struct load_result *out);
MUST_USE enum err worker_disconnect(struct worker *w, int group);

/* Queries */
pid_t worker_pid(const struct worker *w);
/*
 * After ERR_CLOSED: how it ended, as "was killed by signal 9 (Killed)"; waits
 * for a moment until that is known.
 */
void worker_reason(struct worker *w, char *into, size_t size);
int worker_fd(const struct worker *w); /* readable when there may be more */

#endif

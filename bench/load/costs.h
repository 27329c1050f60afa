/* SPDX-License-Identifier: MIT */
/*
 * What a server under test costs, read from outside: samples of all its
 * processes together, which remember from one to the next what each process
 * and thread had, so that counters only grow while processes and threads come
 * and go.
 *
 * - Counters begin at 0 with the first sample. A process that started since
 *   the last sample counts with all that it has; one that is older, and was
 *   only found now, from here on.
 * - What a process used that has ended is in its parent's figure, in ticks,
 *   once the parent has waited for it: of that, what was counted while it
 *   lived is taken off. When the parent does not wait, its last stretch is
 *   lost, and sample.lost says so.
 * - Nobody keeps the context switches of a thread that has ended: those since
 *   the last sample are not counted, and sample.ended says so.
 *
 * CPU comes from the process CPU clocks (nanoseconds); its split into user
 * and system from /proc/PID/stat, whose times come from the same accounting
 * in ticks. Memory is RssAnon: what the processes allocated, without shared
 * pages of files.
 *
 *	struct costs costs = {0};
 *	struct sample before, after, d;
 *
 *	e = costs_take(&costs, pids, n, &before);
 *	... the server works; list its processes anew ...
 *	e = costs_take(&costs, pids, n, &after);
 *	d = sample_difference(&before, &after);
 *	costs_release(&costs);
 */
#ifndef BENCH_LOAD_COSTS_H
#define BENCH_LOAD_COSTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/sample.h"
#include "servers/base/err.h"

struct costs_process;
struct costs_thread;

/* Of one server; all zero: no sample yet. */
struct costs {
	struct costs_process *processes; /* of the newest sample; owned */
	size_t process_count;
	struct costs_thread *threads; /* theirs; owned */
	size_t thread_count, thread_capacity;
	uint64_t at_ticks; /* of the newest sample, since the host started */
	struct sample sum; /* the newest sample */
};

/* Life cycle */
/* As before the first sample; legal when all zero. */
void costs_release(struct costs *c);

/* Operations */
/*
 * Reads now. `pids` are the server and then its descendants, parents before
 * their children (see proc_pids()). ERR_NOTFOUND when the server is gone;
 * *out is then undefined and the costs are as before. Of the others, one that
 * is gone has ended.
 */
MUST_USE enum err costs_take(struct costs *c, const pid_t *pids, size_t count,
			     struct sample *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A hiccup meter for one core: a process that does nothing but sleep there
 * until every 10 ms, and note how late it woke. What it was kept waiting, any
 * process on that core would have been: by the hypervisor, by interrupts, and
 * on a core that is busy by the scheduler.
 *
 * Each intended wake-up has one lateness, as jHiccup counts them: who is
 * stalled for 100 ms has missed ten, which are 100, 90, ... 10 ms late, and not
 * a single one (corrected for coordinated omission). Those that are due and
 * not noted yet count by what has passed, so that one may read in a stall.
 *
 * The process is forked and shares a ring with its parent; nothing waits for
 * the other. The ring holds the last HICCUP_RING wake-ups, about eleven
 * minutes: older ones that nobody read are not known any more. It dies with
 * its parent, and has none of its descriptors.
 *
 * Example:
 *	struct hiccup h;
 *	if (hiccup_init(&h, &clock_monotonic) == ERR_OK &&
 *	    hiccup_start(&h, cpu) == ERR_OK)
 *		hiccup_read(&h, slice_start_ns, slice_end_ns, &hist);
 *	hiccup_stop(&h);
 *	hiccup_release(&h);
 */
#ifndef BENCH_RUN_HICCUP_H
#define BENCH_RUN_HICCUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/hist.h"
#include "servers/base/clock.h"
#include "servers/base/err.h"

#define HICCUP_PERIOD_NS ((uint64_t)10000000)
#define HICCUP_RING ((uint64_t)65536)

/* Shared; the process writes, its parent reads. */
struct hiccup_ring {
	uint64_t first_ns;	/* when the first wake-up is intended */
	_Atomic uint64_t noted; /* wake-ups; [n % HICCUP_RING] is number n's */
	_Atomic uint64_t late_ns[HICCUP_RING];
};

struct hiccup {
	struct clock *clock;	  /* borrowed */
	struct hiccup_ring *ring; /* owned; NULL: nothing is known */
	pid_t pid;		  /* 0: none runs */
	uint64_t cpu_ns;	  /* as last read */
	uint64_t drained;	  /* wake-ups that were taken into `all` */
	struct hist all;	  /* as far as hiccup_drain() took them */
};

/* Life cycle */
/*
 * The ring, without a process. The clock must be as CLOCK_MONOTONIC when one is
 * started. ERR_LIMIT: no memory; hiccup_release() is legal then.
 */
MUST_USE enum err hiccup_init(struct hiccup *h, struct clock *clock);
/* Ends the process; what it noted stays. Legal when none runs. */
void hiccup_stop(struct hiccup *h);
void hiccup_release(struct hiccup *h); /* what is all zero, too */

/* Operations */
/*
 * Forks it onto that core. ERR_LIMIT: no process; ERR_NOTFOUND: it cannot be
 * pinned there; with errno.
 */
MUST_USE enum err hiccup_start(struct hiccup *h, int cpu);
/* The process's side: it is awake now, and sleeps until the answer. */
uint64_t hiccup_note(struct hiccup_ring *r, uint64_t now_ns);
/*
 * Adds the wake-ups intended from `from_ns` to before `to_ns`, on its clock and
 * past by now.
 */
void hiccup_read(struct hiccup *h, uint64_t from_ns, uint64_t to_ns,
		 struct hist *into);
/* Takes what was noted since into `all`. */
void hiccup_drain(struct hiccup *h);

/* Queries */
/* Whether it runs. Once it does not, its end is not asked for again. */
bool hiccup_alive(struct hiccup *h);
/* CPU time of the process so far; when it is gone, what was read last. */
uint64_t hiccup_cpu_ns(struct hiccup *h);

#endif

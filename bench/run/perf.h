/* SPDX-License-Identifier: MIT */
/*
 * Runs `perf record` on some processes for a while, and `perf script` on what
 * it recorded: samples of their stacks (of kernel functions only) by the CPU
 * clock, which needs no hardware counters. perf may be missing, or not be
 * allowed to; then there is a reason, and nothing else changes.
 *
 * It samples threads that run at the start and those that they start; what it
 * costs falls on them, so use it in slices that are not timed.
 *
 * Example:
 *	e = perf_start(&p, folder, pids, n);
 *	... what is to be sampled ...
 *	if (!e)
 *		e = perf_stop(&p);
 *	if (!e)
 *		e = perf_read(&p, feed, &stacks);
 *	if (e)
 *		note(p.reason);
 *	perf_release(&p);
 */
#ifndef BENCH_RUN_PERF_H
#define BENCH_RUN_PERF_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "servers/base/err.h"

#define PERF_HZ 2000 /* samples per second of CPU */
#define PERF_S 0.5   /* seconds that all of it takes beside the slice */

struct perf {
	pid_t pid;	     /* of `perf record`; 0: not running */
	int control;	     /* its --control, or -1 */
	char data[PATH_MAX]; /* temporary files: samples, */
	char said[PATH_MAX]; /* and what it printed */
	char reason[160];    /* why it failed, else "" */
};

/* Some of what `perf script` prints. */
typedef void perf_text_fn(void *arg, const char *bytes, size_t n);

/*
 * Every operation: ERR_NOTFOUND (no perf), ERR_REFUSED or ERR_IO (it failed),
 * ERR_TIMEOUT (it did not answer, for up to ten seconds), with the reason.
 */

/* Life cycle */
/*
 * Returns once samples are taken. Temporary files are in `folder`.
 * perf_release() is legal afterwards in every case.
 */
MUST_USE enum err perf_start(struct perf *p, const char *folder,
			     const pid_t *pids, size_t count);
/* Ends what still runs, and removes the files. */
void perf_release(struct perf *p);

/* Operations */
/* No more samples; those that were taken are in the file. */
MUST_USE enum err perf_stop(struct perf *p);
/* A sample's process, and its stack, innermost function first. */
MUST_USE enum err perf_read(struct perf *p, perf_text_fn *text, void *arg);

#endif

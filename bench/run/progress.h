/* SPDX-License-Identifier: MIT */
/*
 * How far a suite is, on standard error: one line that is written over on a
 * terminal, a plain line per step elsewhere, nothing when quiet.
 *
 * Work is counted in the seconds that were planned; the time left scales what
 * is planned by how reality compared so far.
 */
#ifndef BENCH_RUN_PROGRESS_H
#define BENCH_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cJSON;

struct progress {
	FILE *out;    /* NULL: quiet */
	FILE *events; /* JSON Lines for a script, or NULL (docs/BENCHMARKING.md)
		       */
	bool terminal;
	double planned, done; /* seconds of work */
	double extra;	      /* of what is planned, the last of `more` */
	double extra_most;    /* that it may take */
	uint64_t start_ns, shown_ns, told_ns;
	char step[96];
};

/* Life cycle */
void progress_init(struct progress *p, bool quiet, double planned_s);
void progress_end(struct progress *p); /* clears the line */

/* Operations */
/* Another step begins, "fanout, window 1: ws". */
__attribute__((format(printf, 2, 3))) void
progress_step(struct progress *p, const char *format, ...);
void progress_done(struct progress *p, double seconds); /* of planned work */
/*
 * There is more work than was planned, which may take `most` at most; 0: that
 * is over.
 */
void progress_more(struct progress *p, double seconds, double most);
/* A line that stays, such as a failure. */
__attribute__((format(printf, 2, 3))) void
progress_say(struct progress *p, const char *format, ...);

/*
 * One event, as one line that leaves at once; frees it. The first that cannot
 * be written is told on standard error, and none is tried after it.
 */
void progress_event(FILE *out, struct cJSON *takes);

/* Queries */
double progress_left(const struct progress *p, uint64_t now_ns); /* seconds */

#endif

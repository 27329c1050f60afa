/* SPDX-License-Identifier: MIT */
/*
 * Keeps a run while it runs: run.json is written after each finished
 * measurement, so that Ctrl-C, a crash or a power cut takes no more than what
 * was not finished; and scripts are told by events, one JSON object a line.
 */
#ifndef BENCH_RUN_JOURNAL_H
#define BENCH_RUN_JOURNAL_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/run/results.h"
#include "bench/run/suite.h"
#include "servers/base/err.h"

struct journal {
	char path[PATH_MAX];		 /* of run.json */
	struct results_context *context; /* borrowed */
	FILE *events;			 /* borrowed; NULL: nobody listens */
	uint64_t start_ns;
	char failure[PATH_MAX + 256]; /* of writing, for a person, or "" */
};

/* Life cycle */
/* ERR_LIMIT: the name of the folder is too long. */
MUST_USE enum err journal_init(struct journal *j, const char *folder,
			       struct results_context *c, FILE *events);

/* Operations */
/*
 * Before anything is measured: whether a file can be made in the folder, and
 * `bytes` more have room there. ERR_IO with j->failure.
 */
MUST_USE enum err journal_check(struct journal *j, double bytes);
/*
 * The event of a run that ends without results, or with those that it has so
 * far; `events` NULL: nobody listens. Needs no journal.
 */
void journal_failed(FILE *events, const char *what);
void journal_begin(struct journal *j, const struct suite *s);
/* As suite.finished wants it; `context` is the journal. */
bool journal_finished(void *context, struct suite *s, struct measurement *m);
/* The last document; returns owned in *out. ERR_IO with j->failure. */
MUST_USE enum err journal_end(struct journal *j, const struct suite *s,
			      struct cJSON **out);
/* The event of it, once all files are there. */
void journal_ended(struct journal *j, const struct cJSON *run);

/* Queries */
/* Bytes that such a run's document takes at most, with its successor. */
double journal_room(const struct suite *s);

#endif

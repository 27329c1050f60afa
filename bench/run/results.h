/* SPDX-License-Identifier: MIT */
/*
 * run.json: everything about a run in one document, whose schema is in
 * results/README.md. Written beside its final name and then renamed, so that
 * a file of that name is always whole.
 */
#ifndef BENCH_RUN_RESULTS_H
#define BENCH_RUN_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "bench/run/suite.h"
#include "servers/base/err.h"

struct cJSON;

#define RESULTS_SCHEMA 1

struct results_context {
	int argc; /* the command line, from the command on */
	char *const *argv;
	time_t started, ended; /* UTC */
	double seconds;	       /* it took */
	bool going_on;	       /* there is more to come */
	/* Borrowed: found out beforehand; NULL: it is when writing. */
	const struct cJSON *provenance;
	/* Borrowed: of --again: the file, and the run in it. */
	const char *again;
	const struct cJSON *earlier; /* what is complete there is merged */
};

/* Operations */
/* Returns owned. */
struct cJSON *results_to_json(const struct suite *s,
			      const struct results_context *c);
/* A measurement as it stands there; returns owned. */
struct cJSON *results_measurement(const struct suite *s,
				  const struct measurement *m);
/* Whole and on the disk, or not at all. ERR_IO, with errno left as it is. */
MUST_USE enum err results_write(const struct cJSON *json, const char *path);

/* Queries */
/* "2026-01-31T12:00:00Z"; `compact`: "20260131T120000Z". */
void results_time(time_t t, bool compact, char *into, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * run.json: everything about a run in one document, whose schema is in
 * results/README.md. Written beside its final name and then renamed, so that
 * a file of that name is always whole.
 */
#ifndef BENCH_RUN_RESULTS_H
#define BENCH_RUN_RESULTS_H

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
};

/* Operations */
/* Returns owned. */
struct cJSON *results_to_json(const struct suite *s,
			      const struct results_context *c);
/* ERR_IO, with errno left as it is. */
MUST_USE enum err results_write(const struct cJSON *json, const char *path);

/* Queries */
/* "2026-01-31T12:00:00Z"; `compact`: "20260131T120000Z". */
void results_time(time_t t, bool compact, char *into, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * `pushmark run --again run.json`: the command line of an earlier run, and
 * whether this machine and build may stand for those of that run.
 */
#ifndef BENCH_AGAIN_H
#define BENCH_AGAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"

struct cJSON;

struct again {
	struct cJSON *run; /* owned: the whole document */
	int argc;	   /* of its command, from the command's name on */
	char **argv;	   /* owned array; the strings are the document's */
	int64_t seed;
};

/* Life cycle */
/* Any error: `message` says what is wrong with that file. */
MUST_USE enum err again_load(struct again *a, const char *path, char *message,
			     size_t size);
void again_release(struct again *a); /* empty: all zero */

/* Queries */
/*
 * ERR_REFUSED with `message` when host or commit (or version, where there is
 * none) are not those of now.
 */
MUST_USE enum err again_same(const struct again *a,
			     const struct cJSON *provenance, char *message,
			     size_t size);
const struct cJSON *again_measurements(const struct again *a);

#endif

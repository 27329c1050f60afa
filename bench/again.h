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

#include "bench/run/doc.h"
#include "servers/base/err.h"

struct cJSON;
struct param_changes;

struct again {
	struct doc doc;	   /* the whole document; its path is its name */
	struct cJSON *run; /* its root */
	int argc;	   /* of its command, from the command's name on */
	char **argv;	   /* owned array; the strings are the document's */
	int64_t seed;
};

/* Life cycle */
/* Any error: a->doc.error says what is wrong with that file, and where. */
MUST_USE enum err again_load(struct again *a, const char *path);
void again_release(struct again *a); /* empty: all zero */

/* Operations */
/* ERR_PROTO with a->doc.error: what the command said is wrong, as `what`. */
MUST_USE enum err again_blame(struct again *a, const char *what);
/*
 * Whether the document tells of size, parameters and seed what its command
 * made of them. ERR_PROTO with a->doc.error.
 */
MUST_USE enum err again_agrees(struct again *a, const char *size,
			       const struct param_changes *set, int64_t seed);
/* All is read: what is kept for complaints can go. */
void again_settle(struct again *a);

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

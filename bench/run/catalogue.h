/* SPDX-License-Identifier: MIT */
/*
 * The scenario and target files of a folder. Names given by a person choose
 * among them; a name with a '/' or ending in ".json" is a file of their own.
 */
#ifndef BENCH_RUN_CATALOGUE_H
#define BENCH_RUN_CATALOGUE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "bench/run/scenario.h"
#include "bench/run/target.h"
#include "servers/base/err.h"

struct catalogue {
	char scenarios[PATH_MAX], targets[PATH_MAX]; /* folders */
	char own_targets[PATH_MAX]; /* that our own scenarios know */
};

/* Life cycle */
/* NULL or "" for a folder: that of `h`. ERR_LIMIT. */
MUST_USE enum err catalogue_init(struct catalogue *c, const struct home *h,
				 const char *scenarios, const char *targets);

/* Operations. All: ERR_NOTFOUND or ERR_USAGE with `message`. */
/*
 * Names of what is there without ".json", sorted; returns owned, NULL-
 * terminated, catalogue_names_free() frees them.
 */
MUST_USE enum err catalogue_names(const char *folder, char ***out,
				  char *message, size_t size);
void catalogue_names_free(char **names);
/* The targets that it names are in the folder of targets, or in our own. */
MUST_USE enum err catalogue_scenario(const struct catalogue *c,
				     const char *name, struct scenario *out,
				     char *message, size_t size);
MUST_USE enum err catalogue_target(const struct catalogue *c, const char *name,
				   struct target *out, char *message,
				   size_t size);

/* Queries */
/* Whether both paths lead to one file. */
bool catalogue_same(const char *a, const char *b);

#endif

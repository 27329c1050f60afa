/* SPDX-License-Identifier: MIT */
/*
 * Where the program's own files are: scenarios and targets, and the other
 * programs. Found from $PUSHMARK_HOME, else from the executable's place (in
 * a build folder of the source tree, or in PREFIX/bin beside
 * PREFIX/share/pushmark), else from the current directory.
 */
#ifndef BENCH_RUN_HOME_H
#define BENCH_RUN_HOME_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "servers/base/err.h"

struct home {
	char data[PATH_MAX]; /* holds bench/scenarios and bench/targets */
	char bin[PATH_MAX];  /* holds pushmark-server; $PUSHMARK_BIN wins */
	bool source_tree;    /* `data` is a source tree, not an installation */
};

/* Operations */
/* ERR_NOTFOUND: no such place, with `message` saying where it looked. */
MUST_USE enum err home_find(struct home *h, char *message, size_t size);
/* Where runs are put: `results` of a source tree, else of this folder. */
MUST_USE enum err home_results(const struct home *h, char *into, size_t size);
/*
 * The file `name` in the last (by name) of the folders in `folder` that hold
 * one. ERR_NOTFOUND.
 */
MUST_USE enum err path_newest(const char *folder, const char *name, char *into,
			      size_t size);
/* Joins with a '/'. ERR_LIMIT when it does not fit. */
MUST_USE enum err path_join(char *into, size_t size, const char *folder,
			    const char *name);
/* Makes the folder and those above it. ERR_IO, with errno left as it is. */
MUST_USE enum err path_make(const char *folder);

#endif

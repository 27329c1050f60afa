/* SPDX-License-Identifier: MIT */
/*
 * A server under test, read from bench/targets/NAME.json: how to start it,
 * and what it speaks. It is ready when the first line of its standard output
 * is `listening on http://HOST:PORT`.
 */
#ifndef BENCH_RUN_TARGET_H
#define BENCH_RUN_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "bench/run/doc.h"
#include "bench/run/home.h"
#include "servers/base/err.h"

struct target {
	char *name, *description;
	char *dialect; /* "ws", "sse", "longpoll" or "bare" */
	char *path;    /* "": the dialect's usual one */
	char *nsp;     /* namespace, "": the default one */
	char **start;  /* argv as the file has it, NULL-terminated */
	uint64_t ready_ms;
	int suite; /* place among those that run when none is named, or 0 */
};

/* Life cycle */
/* ERR_USAGE: d->error says what is wrong. target_release() is legal. */
MUST_USE enum err target_read(struct target *t, struct doc *d);
void target_release(struct target *t);

/* Queries */
/*
 * The argv to start it with: {bin} is the folder of our programs, {home} that
 * of our files. Returns owned; target_argv_free() frees it.
 */
char **target_argv(const struct target *t, const struct home *h);
void target_argv_free(char **argv);

#endif

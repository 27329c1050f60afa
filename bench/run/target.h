/* SPDX-License-Identifier: MIT */
/*
 * A server under test, read from bench/targets/NAME.json: how to start it,
 * and what it speaks. It is ready when the first line of its standard output
 * is `listening on http://HOST:PORT`.
 */
#ifndef BENCH_RUN_TARGET_H
#define BENCH_RUN_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/run/doc.h"
#include "bench/run/home.h"
#include "servers/base/err.h"

struct target {
	char *file;    /* that it was read from */
	unsigned line; /* of its name there */
	char *name, *description;
	char *dialect;	/* as load_target has it */
	char *path;	/* "": the dialect's usual one */
	char *nsp;	/* namespace, "": the default one */
	char **start;	/* argv as the file has it, NULL-terminated */
	char **version; /* the same, prints its version; or NULL */
	uint64_t ready_ms;
	double warmup; /* deliveries before anything counts, at each start */
	int suite;     /* place among those that run when none is named, or 0 */
	bool deflate;  /* its subscribers offer permessage-deflate */
	/* Here because a scenario names it: it takes part in no other. */
	bool guest;
};

/* Life cycle */
/* ERR_USAGE: d->error says what is wrong. target_release() is legal. */
MUST_USE enum err target_read(struct target *t, struct doc *d);
void target_release(struct target *t);

/* Queries */
/*
 * `argv` as it is to be run: {bin} is the folder of our programs, {home} that
 * of our files, {host} where a server is to listen. `more` (NULL-terminated or
 * NULL) is appended as it is. Returns owned; target_argv_free() frees it.
 */
char **target_argv(char *const *argv, char *const *more, const struct home *h,
		   const char *host);
/* Whether the clients of its dialect can connect again. */
bool target_reconnects(const struct target *t);
/* Whether its clients ask at intervals for what is there. */
bool target_polls(const struct target *t);
/* Whether it is our own server, which takes a scenario's options. */
bool target_is_ours(const struct target *t);
void target_argv_free(char **argv);

#endif

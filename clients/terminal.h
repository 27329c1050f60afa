/* SPDX-License-Identifier: MIT */
/*
 * The two things that pushmark-client does, each with a loop of its own to
 * run in. They print one JSON value a line and return the exit status.
 */
#ifndef CLIENTS_TERMINAL_H
#define CLIENTS_TERMINAL_H

#include <stdint.h>
#include <stdio.h>

#include "clients/client.h"
#include "servers/base/loop.h"
#include "servers/base/slice.h"

enum terminal_exit {
	TERMINAL_OK = 0,
	TERMINAL_FAILED = 1,
	TERMINAL_USAGE = 2,
};

struct terminal {
	struct loop *loop;
	const struct client_ops *ops;
	struct client_options options;
	FILE *out;
	FILE *err; /* one line when it fails */
};

/* Prints what comes until `count` messages (0: for ever) or the loop stops. */
int terminal_listen(const struct terminal *t, uint64_t count);

struct terminal_publish {
	struct slice room, event;
	struct slice data;   /* validated JSON; unused with `input` */
	int input;	     /* descriptor of one JSON value a line, or -1 */
	unsigned timeout_ms; /* without an answer the server is given up */
	unsigned ack_timeout_ms; /* the members are asked; 0: they are not */
};

/* Publishes and prints each answer's data, until all are there. */
int terminal_publish(const struct terminal *t,
		     const struct terminal_publish *what);

/* Why the connection ended, as a person should read it. */
const char *terminal_reason(const struct client *c, enum err err);
/* Prints a JSON text as one line; false when it cannot be written. */
bool terminal_print(FILE *out, struct slice json);
__attribute__((format(printf, 2, 3))) void
terminal_error(FILE *err, const char *format, ...);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A test double: a transport in memory that records what it would write, in
 * whatever format it speaks, and can be made to take nothing. Also a backend
 * that serves nobody, for tests of what holds backends.
 *
 * Example:
 *	struct fake f;
 *	fake_init(&f, hub, FORMAT_WS);
 *	s = fake_connect(&f, "/");
 *	...
 *	hub_flush(hub);
 *	cr_assert(fake_wrote(&f, "hello"));
 *	hub_disconnect(s, "done");
 *	fake_release(&f);
 */
#ifndef SERVERS_CORE_FAKE_BACKEND_H
#define SERVERS_CORE_FAKE_BACKEND_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/base/clock.h"
#include "servers/core/app.h"
#include "servers/core/backend.h"
#include "servers/core/hub.h"
#include "servers/core/session.h"
#include "servers/core/transport.h"

struct fake {
	struct transport transport;
	struct backend_stats stats;
	struct buf written; /* every byte, in the order it would leave */
	unsigned frames;    /* messages written */
	unsigned flushes;   /* calls of flush() */
	unsigned kicks;
	enum kick_reason why; /* of the first kick */
	bool writable;	      /* true at first */
	bool finished;	      /* a message that closes was written */
};

/* Life cycle */
void fake_init(struct fake *f, struct hub *hub, enum wire_format format);
void fake_release(struct fake *f);
/* A session in the namespace; aborts when the hub refuses it. */
struct session *fake_connect(struct fake *f, const char *nsp);

/* Operations */
void fake_set_writable(struct fake *f, bool writable);
void fake_clear(struct fake *f); /* forgets what was written */

/* Queries */
/* Whether `text` is among the bytes written. */
bool fake_wrote(const struct fake *f, const char *text);

/* An app that takes everybody and does nothing. */
extern const struct app_ops fake_app;

/* A loop whose time stands still, and a hub on it. */
struct fake_node {
	struct clock clock;
	struct loop *loop;
	struct hub *hub;
};
/* `options` and `app` may be NULL: hub_defaults, fake_app. */
void fake_node_init(struct fake_node *n, const struct hub_options *options,
		    const struct app_ops *app);
void fake_node_release(struct fake_node *n);
void fake_node_tick(struct fake_node *n, uint64_t advance_ms); /* one tick */
/* Publishes `data`, JSON, as the event "e" in "/"; returns its number. */
uint64_t fake_node_publish(struct fake_node *n, const char *room,
			   const char *data);

/* The answer to a command, kept. */
struct fake_reply {
	struct reply reply;
	unsigned answers;
	unsigned deferred;
	enum err status;
	char body[512]; /* cut there; NUL-terminated */
};
void fake_reply_init(struct fake_reply *r);

extern const struct backend_ops fake_backend;

#endif

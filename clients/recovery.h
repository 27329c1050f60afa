/* SPDX-License-Identifier: MIT */
/*
 * What a client that reconnects keeps from one connection to the next: where
 * it stood in the stream, the rooms it was in, and how long it waits. The
 * waits double from the server's reconnection time (or half a second) up to
 * half a minute, and each is drawn out by up to half, so that the clients of a
 * server that went away do not come back as one.
 *
 * Where it stood is an event id (sse) or, of the raw dialect, a cursor: epoch
 * and position. After a reconnect the old cursor counts until the server has
 * answered `resume`; what comes before the answer moves it when the node is
 * still the same, and the new node's cursor otherwise.
 */
#ifndef CLIENTS_RECOVERY_H
#define CLIENTS_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/client.h"
#include "servers/base/buf.h"
#include "servers/base/random.h"
#include "servers/base/slice.h"
#include "servers/base/wheel.h"

#define RECOVERY_FIRST_MS 500
#define RECOVERY_MOST_MS 30000

struct recovery_cursor {
	char *epoch; /* owned; NULL: there is none */
	uint64_t position;
};

struct recovery {
	struct client *client;
	struct timer timer; /* armed: waiting to reconnect */
	unsigned attempts;  /* since it was open */
	uint64_t retry_ms;  /* as the server told; 0: it did not */
	struct buf last_id; /* of the events of a stream, or the offset of the
			       last Socket.IO event */
	char *pid;	    /* owned; Socket.IO's, NULL: there is none */
	struct recovery_cursor cursor, fresh;
	char **rooms; /* owned, each of them too */
	size_t room_count;
	bool opened;	/* it was open once */
	bool resuming;	/* `resume` is needed or not answered yet */
	bool renounced; /* ... without hope for what was missed */
};

/* Life cycle */
struct recovery *recovery_new(struct client *c); /* returns owned */
void recovery_free(struct recovery *r);		 /* NULL is legal */

/* Operations */
/* The server told a reconnection time; 0 is at once. */
void recovery_retry(struct recovery *r, uint64_t ms);
/* How long to wait before the next attempt, which this counts. */
uint64_t recovery_wait(struct recovery *r, struct rng *rng);
/* The offset of an event, still escaped; kept when there is a pid. */
void recovery_offset(struct recovery *r, struct slice offset);
/*
 * Socket.IO's CONNECT was answered. Returns whether it carries on the session
 * of the last connection; else its offset is void.
 */
bool recovery_connected(struct recovery *r, struct slice answer);
/* Room memberships, as commands change them. */
void recovery_room(struct recovery *r, struct slice room, bool leave);
/* The connection is being lost; there was one that had opened. */
void recovery_lost(struct recovery *r);
/* A welcome's payload came. Returns whether `resume` must be sent. */
bool recovery_welcome(struct recovery *r, struct slice payload);
/* Appends that command, of the given id. */
MUST_USE enum err recovery_add_resume(struct recovery *r, struct buf *b,
				      uint64_t id);
/*
 * Its answer came. True: the client is where it was, or knows what is lost.
 * False: `resume` must be sent again, renouncing what was missed (`*failed`:
 * that was refused, too).
 */
bool recovery_answer(struct recovery *r, bool ok, bool *failed);
/* A message came. */
static inline void recovery_message(struct recovery *r,
				    const struct client_message *m)
{
	if (m->offset.n > 0)
		recovery_offset(r, m->offset);
	if (m->position == 0)
		return;
	if (r->resuming && r->fresh.epoch)
		r->fresh.position = m->position;
	else
		r->cursor.position = m->position;
}

/* Queries */
/* The options with the rooms that the client is in now. */
struct client_options recovery_options(const struct recovery *r);

#endif

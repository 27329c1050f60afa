/* SPDX-License-Identifier: MIT */
/*
 * A world for the tests of this folder: a loop with a clock set by hand, an
 * environment, a listening socket whose side of every connection the test
 * plays, and an owner of clients that writes down what it is told, a line
 * each:
 *	open | message ROOM EVENT DATA FROM SEQ | object JSON |
 *	answer ID ok|failed BODY | lost ERROR: WHY | closed ERROR: WHY
 * Whatever waits does so by running the loop, and fails after some seconds.
 */
#ifndef CLIENTS_FAKE_WORLD_H
#define CLIENTS_FAKE_WORLD_H

#include "clients/client.h"
#include "servers/base/buf.h"
#include "servers/base/clock.h"

struct fake_world {
	struct clock clock;
	struct loop *loop;
	struct client_env *env;
	int listen_fd, port;
	struct buf log;	      /* NUL-terminated */
	uint64_t memo;	      /* of the last message */
	uint64_t wait_ms;     /* of the last connection lost */
	struct slice free_at; /* the line at which the client frees itself */
};

/* The server's side of one connection. */
struct fake_link {
	struct fake_world *world;
	int fd;
	struct buf in; /* read and not yet taken */
	struct buf taken;
};

/* Life cycle */
void fake_world_init(struct fake_world *w);
void fake_world_release(struct fake_world *w); /* after its clients */
/* A client of this world's server; `path` NULL and `nsp` NULL: the defaults. */
struct client *fake_world_client(struct fake_world *w,
				 const struct client_ops *ops,
				 const struct client_options *options);

/* Operations */
void fake_world_ticks(struct fake_world *w, unsigned count);
void fake_world_advance(struct fake_world *w, uint64_t ms);
/* Runs the loop until the log equals `text`, then empties it. */
void fake_world_expect(struct fake_world *w, const char *text);
void fake_world_forget(struct fake_world *w); /* empties the log */

/* Takes the next connection. */
void fake_link_accept(struct fake_link *l, struct fake_world *w);
void fake_link_close(struct fake_link *l); /* sends the end of the stream */
/* Sends all at once, or byte by byte with a tick after each. */
void fake_link_send(struct fake_link *l, struct slice bytes);
void fake_link_say(struct fake_link *l, const char *text);
void fake_link_drip(struct fake_link *l, struct slice bytes);
/* Sends one HTTP answer with Content-Length. */
void fake_link_answer(struct fake_link *l, const char *status,
		      const char *body);
/*
 * Sends the 101 that `request`, a WebSocket handshake, is due; `more` are
 * header lines.
 */
void fake_link_switch(struct fake_link *l, const char *request,
		      const char *more);
/* Sends one unmasked frame. */
void fake_link_frame(struct fake_link *l, int opcode, const char *payload);
/*
 * Takes what the client sent: one HTTP request with its body, or the payload
 * of one frame (which must be masked). Valid until the next.
 */
const char *fake_link_request(struct fake_link *l);
const char *fake_link_take_frame(struct fake_link *l, int *opcode,
				 unsigned char mask[4]);
/* Whether the client has closed, and sent nothing before. */
bool fake_link_ended(struct fake_link *l);
/* Whether nobody waits to be accepted and `l` has nothing to take. */
bool fake_link_quiet(struct fake_link *l);

#endif

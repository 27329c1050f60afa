/* SPDX-License-Identifier: MIT */
/*
 * A subscriber and publisher over any of the protocols, without blocking, for
 * the load generator (thousands in one loop) and the terminal client. What a
 * protocol is hides behind `struct client_ops`; callers see messages, answers
 * and byte counts.
 *
 * Commands are queued and leave at the end of the tick, all that is due in
 * one write (one POST for long polling), so that a burst leaves together.
 *
 * Receiving is made for fan-out: many clients of one loop receive the same
 * bytes, so the environment remembers the last decoded message and a client
 * whose bytes are equal does not decode them again.
 *
 * Example:
 *	struct client *c;
 *	struct client_options o = {.host = "127.0.0.1", .port = 8080,
 *				   .nsp = "/", .rooms = rooms,
 *				   .room_count = 1};
 *	if (client_new(env, &client_ws, &o, &events, me, &c) == ERR_OK)
 *		loop_run(loop);
 */
#ifndef CLIENTS_CLIENT_H
#define CLIENTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/list.h"
#include "servers/base/loop.h"
#include "servers/base/slice.h"
#include "servers/base/wheel.h"

struct client;
struct client_env;

/* How Socket.IO is carried. */
enum client_transport {
	CLIENT_POLLING,
	CLIENT_WEBSOCKET,
	CLIENT_UPGRADE, /* polling first, as browsers do */
};

struct client_options {
	const char *host; /* numeric address or name */
	int port;
	const char *local; /* source address, or NULL */
	const char *path;  /* NULL: the protocol's default ("/ws", "/sse",
			      "/socket.io/") */
	const char *nsp;   /* NULL: "/" */
	const char *const *rooms; /* joined before on_open */
	size_t room_count;
	bool raw; /* sse: hand out every event as it came, join nothing */
	/*
	 * ws, sse: the server says no welcome and has no objects of ours. It
	 * is open after the handshake, and each text frame, or each event's
	 * data, is a message's data. Nothing can be sent.
	 */
	bool plain;
	/*
	 * Where a server does not tell that it waits (bench/load/plain.h): how
	 * long what was sent can be under way unseen.
	 */
	unsigned way_ms;
	unsigned
		poll_ms; /* there, asks so often instead of waiting, if not 0 */
	size_t chunk; /* ws: publishes above so many bytes go in chunk objects
			 of as much, at least 4; 0: never */
	bool deflate; /* ws: offer permessage-deflate */
	/*
	 * Connect again when the connection is lost or cannot be made, and
	 * resume where it stood. What a server says for good (a status below
	 * 500, a wrong answer, a closing handshake that tells of no hope, a
	 * Socket.IO DISCONNECT) still ends the client.
	 */
	bool reconnect;
	bool forget; /* ... without resuming: what came meanwhile is missed */
	unsigned ping_interval_ms; /* ws: see whether the server lives; 0: no */

	/* longpoll */
	enum client_transport transport;
	/*
	 * CLIENT_UPGRADE: on_open waits for the upgrade, whose failure ends
	 * the client. For measuring; else polling just carries on.
	 */
	bool must_upgrade;
	const char *auth; /* a JSON object for CONNECT, or NULL */
};

struct client_message {
	struct slice room, event, from; /* unescaped */
	struct slice data;		/* raw JSON */
	struct slice object;	/* the whole JSON object as received; Socket.IO:
				   the argument array */
	struct slice offset;	/* Socket.IO: for recovery; empty: none */
	uint64_t seq, position; /* position 0 where the protocol has none */
	uint64_t memo; /* equal, non-zero values within one environment mean
			  the same bytes as the message before: a caller may
			  keep what it computed from them */
};

struct client_events {
	/*
	 * Connected, welcomed, and a member of the rooms of the options; again
	 * after every reconnect, of the rooms it was in.
	 */
	void (*on_open)(struct client *c);
	/*
	 * The connection was lost, and the next attempt starts in `wait_ms`.
	 * Commands are ignored until on_open, and those in flight get no
	 * answer. MAY be NULL.
	 */
	void (*on_lost)(struct client *c, enum err err, const char *why,
			uint64_t wait_ms);
	void (*on_message)(struct client *c, const struct client_message *m);
	/* Every other object from the server, as JSON text: for people. */
	void (*on_object)(struct client *c, struct slice object);
	/* The answer to the command with that id. `body`: JSON, or a reason. */
	void (*on_answer)(struct client *c, uint64_t id, bool ok,
			  struct slice body);
	/*
	 * The server wants an answer to the event that was just handed out,
	 * Socket.IO's acknowledgement: client_answer(), now or later, with
	 * `ask`. `args` is the event's array, name first. NULL: answered at
	 * once, by no arguments.
	 */
	void (*on_ask)(struct client *c, uint64_t ask, struct slice args);
	/*
	 * The connection failed or ended; nothing more will come. The client
	 * is still the caller's to free, also from here. `why` for a person.
	 */
	void (*on_closed)(struct client *c, enum err err, const char *why);
};

struct client_counts {
	uint64_t bytes_in, bytes_out; /* as read and written on its sockets */
	/*
	 * Of those, what HTTP adds: heads, and what frames chunks. All of what
	 * comes in is only counted while env->split is set.
	 */
	uint64_t http_in, http_out;
	uint64_t body_in; /* bytes of HTTP's bodies, where they are parsed */
	uint64_t messages;
};

enum client_command_type { CLIENT_JOIN, CLIENT_LEAVE, CLIENT_PUBLISH };

struct client_command {
	enum client_command_type type;
	uint64_t id; /* 0: no answer wanted */
	struct slice room, event, data;
	bool exclude_self;
	unsigned ack_timeout_ms; /* longpoll, publish: the room's members are
				    asked for answers; 0: they are not */
};

struct client_ops {
	const char *name; /* "ws", "longpoll", "sse" */
	const char *path; /* where servers have it, when none is given */
	enum err (*start)(struct client *c);
	/* start() after close(), once more. NULL: it cannot reconnect. */
	enum err (*restart)(struct client *c);
	/* Sends what recovery_add_resume() says. NULL: start() does. */
	void (*resume)(struct client *c);
	void (*command)(struct client *c, const struct client_command *cmd);
	/* See client_answer(). NULL: the protocol asks nothing. */
	void (*answer)(struct client *c, uint64_t ask, struct slice args);
	void (*flush)(struct client *c); /* end of tick, when dirty */
	/* Closes its sockets and timers, so that nothing more comes. */
	void (*close)(struct client *c);
	void (*release)(struct client *c); /* after close: frees what it owns */
	size_t size; /* of the struct that embeds struct client */
};

struct client {
	const struct client_ops *ops;
	const struct client_events *events;
	struct client_env *env;
	void *owner;
	struct client_options
		options; /* strings borrowed: outlive the client */
	struct list dirty;
	struct client_counts counts;
	struct timer deadline;	   /* of getting open */
	struct recovery *recovery; /* owned; NULL: it does not reconnect */
	/*
	 * longpoll: why the connection ended, as socket.io-client names it
	 * ("transport close", "ping timeout", ...). Static; NULL: unknown.
	 */
	const char *reason;
	unsigned busy; /* callbacks of it that are running */
	bool open;
	bool closed;	/* failed, ended or being freed: nothing more comes;
			   or waiting to reconnect */
	bool freed;	/* client_free() came from a callback of its own */
	bool leaving;	/* client_free() was called: say goodbye */
	bool recovered; /* longpoll: this connection carries on the session of
			   the one before, and nothing was missed */
};

extern const struct client_ops client_ws, client_longpoll, client_sse;
/* By name; NULL when there is none. */
const struct client_ops *client_ops_find(const char *name);

/* Life cycle */
struct client_env *client_env_new(struct loop *loop); /* returns owned */
void client_env_free(struct client_env *env);	      /* after its clients */
/* Starts connecting. Errors after this come through on_closed. */
MUST_USE enum err client_new(struct client_env *env,
			     const struct client_ops *ops,
			     const struct client_options *options,
			     const struct client_events *events, void *owner,
			     struct client **out);
/* Closes at once (ws: with a close frame if it can be written). NULL is legal.
 * May be called from any callback of its own. */
void client_free(struct client *c);

/*
 * Operations. `id` 0 asks for no answer, and ids end below CLIENT_ID_END.
 * Queued until the tick's end. Ignored before on_open and after on_closed.
 */
#define CLIENT_ID_END ((uint64_t)1 << 52)
void client_join(struct client *c, struct slice room, uint64_t id);
void client_leave(struct client *c, struct slice room, uint64_t id);
void client_publish(struct client *c, struct slice room, struct slice event,
		    struct slice data, bool exclude_self, uint64_t id);
/* Any of these, and what they leave out. */
void client_command(struct client *c, const struct client_command *cmd);
/* Answers on_ask() with `args`, a JSON array. */
void client_answer(struct client *c, uint64_t ask, struct slice args);

/* Queries */
/*
 * Appends a message as the object of the raw dialect, whatever protocol it
 * came by.
 */
MUST_USE enum err client_message_object(struct buf *b,
					const struct client_message *m);

#endif

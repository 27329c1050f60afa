/* SPDX-License-Identifier: MIT */
/*
 * The hub: namespaces, rooms, sessions, order and fan-out, for all backends.
 * hub = ingress -> bus -> fan-out; it owns everything in core.
 *
 * Order: per room, every subscriber on every backend sees the same sequence.
 * `seq` numbers a room's messages from 1 without holes, `position` numbers the
 * node's messages, `epoch` names the node's life (random at start).
 *
 * Fairness: flushing dirty transports is cut into slices of HUB_SLICE_NS, so
 * that a fan-out to 10,000 does not keep the loop from its other work. What a
 * slice leaves over takes turns with what became dirty since, so that a small
 * room does not wait for the end of a large one's fan-out.
 *
 * A room without members keeps its numbers and history for
 * `room_retention_ms`, so that a client that reconnects can resume.
 */
#ifndef SERVERS_CORE_HUB_H
#define SERVERS_CORE_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/list.h"
#include "servers/base/loop.h"
#include "servers/base/map.h"
#include "servers/core/app.h"
#include "servers/core/ask.h"
#include "servers/core/bus.h"
#include "servers/core/msg.h"
#include "servers/core/outq.h"
#include "servers/core/recovery.h"
#include "servers/core/room.h"
#include "servers/core/session.h"
#include "servers/core/slow.h"
#include "servers/core/transport.h"

#define HUB_SLICE_NS 4000000
#define HUB_EPOCH_CHARS 10

struct hub_options {
	struct outq_limits queue;   /* per transport */
	enum slow_policy slow;	    /* when that is full */
	struct room_limits history; /* per room */
	uint64_t room_retention_ms;
	uint64_t recovery_window_ms; /* of Socket.IO's sessions; 0: none */
	uint32_t max_rooms;	     /* in all */
	uint32_t max_rooms_per_session;
	size_t fragment; /* of WebSocket messages; see struct msg_encoder */
	const char *const *namespaces; /* NULL-terminated; NULL: the app's */
};
extern const struct hub_options hub_defaults;

struct nsp {
	struct hub *hub;
	struct slice name; /* owned, in the same allocation */
	struct map rooms;
	struct list sessions;
	uint64_t session_count;
	uint32_t pins; /* it stays while somebody works with it */
};

struct join_cache;

struct hub {
	struct loop *loop;
	struct hub_options options;
	const struct app_ops *app;
	struct bus *bus;
	struct map nsps;
	struct list dirty;   /* transports with something to flush */
	struct list backlog; /* those that a slice has left over */
	struct list idle_rooms;
	struct loop_hook flush_hook;
	struct timer room_timer;
	struct join_cache *joins;
	struct asks asks;
	struct recovery recovery;
	uint64_t flushed_ns; /* start of the tick that flushed last */
	uint64_t position;
	uint64_t forgotten; /* highest position in a room that was dropped */
	uint64_t published;
	uint64_t session_count;
	uint64_t room_count;
	uint64_t pushed_this_tick; /* queue entries made; see hub_busy() */
	char epoch[HUB_EPOCH_CHARS + 1];
	struct msg_encoder encoder;
};

/* Life cycle */
/* Adds its flush hook to the loop. Borrows loop and app; returns owned. */
struct hub *hub_new(struct loop *loop, const struct hub_options *options,
		    const struct app_ops *app);
void hub_free(struct hub *h); /* after every backend has stopped */
/* Takes `bus` in place of the one there is, which is closed. NULL is legal. */
void hub_use_bus(struct hub *h, struct bus *bus);

/* Operations: sessions */
/*
 * Whether a session may be made, without making one: for a refusal with an
 * HTTP status, before an upgrade. Errors as hub_connect().
 */
MUST_USE enum err hub_admit(struct hub *h, const struct connect_info *info,
			    struct refusal *why);
/*
 * Makes a session on `t` in a namespace (made when needed) if the app admits.
 * ERR_NOTFOUND: no such namespace; ERR_REFUSED: *why says what to tell the
 * client; ERR_USAGE: bad namespace name (it starts with "/", at most 255
 * bytes without control characters, commas or question marks).
 */
MUST_USE enum err hub_connect(struct hub *h, const struct connect_info *info,
			      struct transport *t, struct refusal *why,
			      struct session **out);
/* Leaves all rooms, tells the app, frees the session. */
void hub_disconnect(struct session *s, const char *reason);
/*
 * The server's own decision to end a session. Where the connection can go on
 * without it, s is gone when this returns.
 */
void hub_expel(struct session *s);
/* Joining twice is one membership: ERR_OK. ERR_USAGE (name), ERR_LIMIT. */
MUST_USE enum err hub_join(struct session *s, struct slice room);
/* Leaving a room that one is not in is ERR_OK. ERR_USAGE (name). */
MUST_USE enum err hub_leave(struct session *s, struct slice room);
/*
 * Joins the rooms and queues, in order of position, what they published after
 * `position`; what the histories no longer hold, or all when `epoch` is not
 * this node's, is told by `gap` messages first (see gap.h). Then live:
 * atomically within the tick. What a room that the session is in already has
 * queued for it is not queued again. ERR_USAGE (a name); ERR_LIMIT: too many
 * rooms, or the replay does not fit the queue (the session is unchanged).
 *
 * A gap's first number is as late as is certain: with other rooms busy it may
 * be one that the client has. Numbers 0 to 0 tell of a loss that cannot be
 * numbered: the room was dropped in between, or the node is another one.
 */
MUST_USE enum err hub_resume(struct session *s, struct slice epoch,
			     uint64_t position, const struct slice *rooms,
			     size_t count);

/* Operations: messages */
struct publication {
	struct slice nsp, room, event, data, from;
	/* Gets no copy; NULL: all do. It is the sender, if anybody. */
	const struct session *except;
	unsigned flags; /* enum msg_flags */
	bool everyone;	/* to the namespace's lobby: `room` is not looked at */
	const struct slice *attachments; /* of placeholders in `data` */
	unsigned attachment_count;
	uint64_t ask; /* what receivers are to answer (see ask.h); 0: nothing */
};
/* ERR_USAGE (names), ERR_NOTFOUND (namespace), ERR_LIMIT (rooms). */
MUST_USE enum err hub_publish(struct hub *h, const struct publication *p,
			      uint64_t *seq);
/*
 * The lobby is a room without a name, out of the clients' reach, for apps
 * that broadcast to a whole namespace. Sessions are in it when the app says
 * so, from its on_connect.
 */
void hub_join_lobby(struct session *s);
/* Sends an event to one session, outside any room and numbering. */
void hub_emit(struct session *s, struct slice event, struct slice data);
/* The same with any number of arguments, commas between. */
void hub_emit_args(struct session *s, struct slice event, struct slice args,
		   const struct slice *attachments, unsigned count);
/* For the bus: numbers m, records it, queues it for every member. */
void hub_deliver(struct hub *h, struct msg *m, const struct session *except);
void hub_flush(struct hub *h); /* all dirty transports, without slicing */
/*
 * Call when `dirty` got a member: sees to a tick without sleep if this tick's
 * flush is over, as it is in a hook that comes after the hub's.
 */
void hub_wake(struct hub *h);

/* Queries */
struct nsp *hub_nsp(struct hub *h, struct slice name); /* NULL: not there */
/* Whether readers should stop for this tick and let the queues drain. */
static inline bool hub_busy(const struct hub *h)
{
	return h->pushed_this_tick > 20000;
}

#endif

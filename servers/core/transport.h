/* SPDX-License-Identifier: MIT */
/*
 * The hub's view of a connection: a queue, the wire format it speaks now, and
 * what a backend must be able to do with it. A backend embeds it in its own
 * struct. One transport carries one session (raw dialect) or several, at most
 * one per namespace (Socket.IO).
 *
 * Nothing is written when a message is queued: the transport is marked dirty,
 * and at the end of the loop's tick the hub calls flush() once, so that all
 * that became due within the tick leaves in one system call.
 */
#ifndef SERVERS_CORE_TRANSPORT_H
#define SERVERS_CORE_TRANSPORT_H

#include "servers/base/conn.h"
#include "servers/base/list.h"
#include "servers/core/outq.h"

struct hub;
struct session;
struct transport;

/* Why the server ends a connection; each backend maps it to its own terms. */
enum kick_reason {
	KICK_SHUTDOWN, /* the server goes away: ws 1001, sse ends */
	KICK_SLOW,     /* its queue overflowed: ws 1008 */
	KICK_TIMEOUT,  /* no heartbeat in time */
	KICK_PROTOCOL, /* ws 1002 */
	KICK_INVALID,  /* ws 1007 */
	KICK_TOO_BIG,  /* ws 1009 */
	KICK_REFUSED,  /* the application says no: ws 1008 */
};

struct transport_ops {
	/*
	 * Writes what is queued, or as much as the peer takes. MUST NOT call
	 * back into the hub except to end the transport itself.
	 */
	void (*flush)(struct transport *t);
	/*
	 * Ends the connection for `why`. MUST NOT free the transport before
	 * returning to the loop (hub code up the stack still uses it): a
	 * backend closes, unregisters its sessions and frees in flush() or
	 * from a deferred step.
	 */
	void (*kick)(struct transport *t, enum kick_reason why);
	/*
	 * Tells the peer that the server ends s, one of its sessions, and does
	 * so with hub_disconnect(). NULL: the connection is kicked instead.
	 */
	void (*expel)(struct transport *t, struct session *s);
};

/* Counters of one backend, shown by /stats. */
struct backend_stats {
	uint64_t connections; /* now; the backend counts them */
	uint64_t sessions;    /* now; the hub counts them */
	uint64_t received;    /* messages from clients, ever */
	uint64_t delivered;   /* published messages written out, ever */
	uint64_t dropped;
	uint64_t bytes_out;
	uint64_t websockets; /* of connections: those of Engine.IO that are */
};

struct transport {
	const struct transport_ops *ops;
	struct hub *hub;
	struct backend_stats *stats;
	struct list dirty;
	struct outq q;
	uint64_t written; /* bytes that its stream has taken, ever */
	uint8_t format;	  /* enum wire_format it speaks now */
	bool kicked;	  /* takes no more messages, but one that closes */
	bool closing;	/* a message with MSG_CLOSES is queued: nothing more */
	bool reordered; /* a resume put old messages behind newer ones */
	bool making_room; /* flushed out of turn, for a message to fit */
	bool unpolled;	  /* polling, and no request waits for what comes */
};

/* Life cycle */
void transport_init(struct transport *t, const struct transport_ops *ops,
		    struct hub *hub, struct backend_stats *stats,
		    enum wire_format format);
void transport_release(struct transport *t); /* drops queue, leaves dirty */

/* Operations */
/*
 * Queues a reference to m and marks t dirty. On overflow by a published event
 * the hub's policy for slow readers decides what is dropped (see slow.h), on
 * any other the transport is kicked with KICK_SLOW; either is counted.
 * Volatile events are dropped, without a gap to tell of it, when t is behind
 * (a flush has left something in its queue, or nobody polls) or its queue is
 * full.
 */
void transport_send(struct transport *t, struct msg *m);
/* Queues a private message (see msg.h) that nobody else holds. */
void transport_send_private(struct transport *t, enum msg_kind kind,
			    struct slice payload, unsigned flags);
void transport_mark_dirty(struct transport *t);
/* Calls ops->kick once, ever, and sees to it that a flush follows. */
void transport_kick(struct transport *t, enum kick_reason why);

/*
 * Writes the queue of t to a stream: one system call for everything due, of
 * a joined copy shared by all transports that have the same messages queued.
 * ERR_OK: written, or the rest waits for on_writable; *closes is set when a
 * message with MSG_CLOSES was written whole. ERR_CLOSED / ERR_IO: link gone.
 */
MUST_USE enum err transport_write(struct transport *t, struct conn *c,
				  bool *closes);

/*
 * The joined bytes of the first messages of t's queue, at most `max_bytes`
 * (but at least one message) and at most 64 messages, for transports that do
 * not write to a stream (polling). Cached: transports with equal queues get
 * the same object. `count` of its messages are then the caller's to drop with
 * outq_drop().
 */
struct joined {
	struct slice bytes; /* borrowed until the next call of this kind */
	unsigned count;	    /* messages in it */
	uint64_t id;	    /* equal ids mean equal bytes; never 0 */
};
void transport_join(struct transport *t, size_t max_bytes, struct joined *out);

/* Queries */
/* Whether the peer does not take what there is, or would come now. */
static inline bool transport_behind(const struct transport *t)
{
	return (t->unpolled && t->format == FORMAT_EIO_POLLING) ||
	       (t->q.count && (t->q.offset || !list_linked(&t->dirty)));
}

/* How far the stream that `c` writes has come at the peer, as `written`. */
static inline uint64_t transport_arrived(const struct transport *t,
					 const struct conn *c)
{
	const uint64_t unacked = conn_unacked(c);

	/* What was sent before, such as a response's head, may be unacked. */
	return unacked < t->written ? t->written - unacked : 0;
}

/* Whether the message that closes, and all before it, left the queue. */
static inline bool transport_finished(const struct transport *t)
{
	return t->closing && !t->q.count;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO 4 over HTTP long polling, the client's side: one connection holds
 * the standing GET; packets go out by POST, all that are due in one body, the
 * next after the answer to the last. POSTs use a second connection, which ends
 * when it is not needed; what is urgent (the protocol's own packets, when there
 * is nothing else to do yet) uses the first one while no GET stands there, so
 * that a mere subscriber has one connection.
 *
 * For an upgrade it pauses: no request is made any more, and once the last
 * one is answered on_paused() tells that nothing is under way either way.
 */
#ifndef CLIENTS_POLLING_H
#define CLIENTS_POLLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/client.h"
#include "clients/keepalive.h"
#include "clients/memo.h"
#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

struct polling;

struct polling_ops {
	/* One packet of an answer, as it stands there. */
	void (*on_packet)(struct polling *p, struct slice packet);
	void (*on_paused)(struct polling *p);
	/* `status` of an answer other than 200; 0: the connection failed. */
	void (*on_lost)(struct polling *p, unsigned status, enum err err,
			const char *why);
};

/* What the first connection waits for. */
enum polling_wait { POLLING_OPEN, POLLING_PACKETS, POLLING_POSTED };

struct polling {
	struct keepalive poll;
	struct keepalive *post; /* owned; NULL until it is needed */
	const struct polling_ops *ops;
	struct buf get;	    /* the standing request */
	struct buf packets; /* not posted yet, joined by 0x1e */
	size_t max_payload; /* bytes of a body; 0: no limit */
	enum polling_wait waiting;
	uint32_t target_len; /* bytes of the target in `get` */
	bool urgent;	     /* `packets` has some that are */
	bool posting;	     /* a POST is in flight */
	bool paused;
	memo_decode_fn *decode; /* the owner's; NULL: no answer is looked up */
};

/* Life cycle */
void polling_init(struct polling *p, struct client *client,
		  const struct polling_ops *ops);
void polling_close(struct polling *p); /* idempotent */
void polling_release(struct polling *p);
/* Connects and asks for a session. */
MUST_USE enum err polling_start(struct polling *p);
/* The open packet came: all further requests carry `sid`. */
MUST_USE enum err polling_session(struct polling *p, const char *sid,
				  size_t max_payload);

/* Operations */
/* Queues a packet as it stands in a body. ERR_LIMIT. */
MUST_USE enum err polling_send(struct polling *p, struct slice packet);
/* Sends what may be sent now, and lets a GET stand. */
void polling_flush(struct polling *p);
/*
 * Before closing for good: the server is to know at once. A standing GET tells
 * it by being cut; without one `packets` go as a last POST, whose answer nobody
 * waits for.
 */
void polling_leave(struct polling *p, struct slice packets);
/* on_paused() may come from within. */
void polling_pause(struct polling *p);
void polling_resume(struct polling *p);

#endif

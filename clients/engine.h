/* SPDX-License-Identifier: MIT */
/*
 * The client's side of an Engine.IO 4 session: its opening, heartbeat and end,
 * over HTTP long polling (polling.c), WebSocket (ws_link.c), or the first until
 * the second has taken over. What the messages mean is the owner's, who embeds
 * it in a client.
 *
 * The upgrade goes as the reference client does it: while polling carries on,
 * a WebSocket connects and asks `2probe`; after `3probe` polling pauses, which
 * means that all it was sent is answered; then `5` goes over the WebSocket and
 * after it what was queued meanwhile. So nothing is lost, doubled or overtaken
 * either way. When the probe fails, polling just carries on.
 *
 * A failure of the session is the client's: it ends by client_fail(), with a
 * reason as socket.io-client names it.
 */
#ifndef CLIENTS_ENGINE_H
#define CLIENTS_ENGINE_H

#include <stdbool.h>

#include "clients/client.h"
#include "clients/memo.h"
#include "clients/polling.h"
#include "clients/ws_link.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/base/wheel.h"
#include "servers/wire/engineio.h"

/* For an upgrade; a server gives one up on its own after as long. */
#define ENGINE_PROBE_MS 10000

struct engine;

struct engine_ops {
	void (*on_open)(struct engine *e);
	/* A message; borrowed for the call. */
	void (*on_text)(struct engine *e, struct slice text);
	void (*on_bytes)(struct engine *e, struct slice bytes);
	/*
	 * The transport will not change any more: `failure` says why an
	 * upgrade that was wanted did not come, or is NULL.
	 */
	void (*on_settled)(struct engine *e, const char *failure);
	memo_decode_fn *decode_answer, *decode_frames;
};

enum engine_stage {
	ENGINE_CONNECTING, /* no open packet yet */
	ENGINE_POLLING,
	ENGINE_PROBING,	  /* polling, and a WebSocket is asked */
	ENGINE_PAUSING,	  /* it answered: the last requests end */
	ENGINE_STREAMING, /* over the WebSocket */
};

struct engine {
	struct client *client; /* borrowed */
	const struct engine_ops *ops;
	enum engine_stage stage;
	struct polling polling;
	struct ws_link link;
	struct timer silence, probe;
	uint64_t silence_ms; /* without a ping the server is gone; 0: never */
	bool memo;
	char sid[ENGINEIO_SID_MAX + 1];
};

/* Life cycle */
void engine_init(struct engine *e, struct client *client,
		 const struct engine_ops *ops);
MUST_USE enum err engine_start(struct engine *e); /* as options.transport */
/*
 * Sends `packet`, and the end of the session, if that can be done without
 * waiting. May append to it.
 */
void engine_leave(struct engine *e, struct buf *packet);
void engine_close(struct engine *e); /* idempotent */
void engine_release(struct engine *e);

/* Operations */
/* Queues a text packet, its type in front. ERR_LIMIT. */
MUST_USE enum err engine_send(struct engine *e, struct slice packet);
/* What is queued should not wait behind a standing GET, nor need another
 * connection if it can be helped. */
void engine_urge(struct engine *e);
void engine_flush(struct engine *e);
/*
 * Whether messages may come decoded from the environment's memo: not while
 * the owner waits for more of one, or for something else first.
 */
void engine_use_memo(struct engine *e, bool on);
/* Ends the client, or only the connection when it may come back. */
void engine_fail(struct engine *e, const char *reason, enum err err,
		 const char *why);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the protocols of this folder share: the environment that the clients of
 * one loop borrow memory from, and the client's life as a protocol sees it.
 *
 * A protocol calls client_enter() at the start of every callback that it gets
 * from the loop and client_exit() as the last thing. In between, a caller's
 * client_free() only sets `closed`, so that the protocol stops at its next
 * look instead of touching freed memory.
 */
#ifndef CLIENTS_ENV_H
#define CLIENTS_ENV_H

#include "clients/client.h"
#include "clients/memo.h"
#include "clients/recovery.h"
#include "servers/base/buf.h"
#include "servers/base/conn.h"
#include "servers/base/loop.h"
#include "servers/base/random.h"
#include "servers/wire/http1.h"
#include "servers/wire/sse.h"
#include "servers/wire/websocket.h"

#define CLIENT_INPUT_SIZE 65536	      /* bytes asked for by one read */
#define CLIENT_MESSAGE_MAX (64 << 20) /* bytes of one message or body */
#define CLIENT_OUT_MAX (64 << 20)     /* bytes waiting to be written */
#define CLIENT_OUT_KEEP 4096	      /* bytes of memory kept for the next */
#define CLIENT_DEADLINE_MS 30000      /* to connect and be welcomed */

struct client_env {
	struct loop *loop;
	struct loop_hook hook;
	struct list dirty;
	uint64_t flushed_ns; /* the tick whose hook has run */
	struct rng rng;	     /* spreads reconnects */
	/* Random bytes for masking keys, of which the last are left. */
	unsigned char keys[256];
	size_t keys_left;
	struct ws_pool *pool;
	struct memo memo;
	struct sse_parser sse;	  /* for decoding into the memo */
	struct http1_parser http; /* the same */
	struct buf strings;	  /* unescaped, of the object at hand */
	struct buf text;	  /* an object being built, for on_object */
	struct buf command;	  /* a command being encoded */
	struct buf bytes;	  /* of a binary packet, decoded */
	char *input; /* CLIENT_INPUT_SIZE bytes of the read at hand */
	/*
	 * Set by who measures: the kernel's time of receipt is wanted. Then
	 * `stamp_ns` is that of the read at hand (CLOCK_REALTIME), or 0.
	 */
	bool stamps;
	uint64_t stamp_ns;
	/* Set by who measures: every answer is parsed, to know HTTP's share. */
	bool split;
};

/*
 * Around feeding an HTTP parser: notes that of `used` bytes those are HTTP's
 * that were no body, when `body_before` was counts.body_in.
 */
static inline void client_count_http(struct client *c, size_t used,
				     uint64_t body_before)
{
	c->counts.http_in += used - (c->counts.body_in - body_before);
}

/* Life of a client */
void client_enter(struct client *c);
void client_exit(struct client *c); /* c may be gone after it */
void client_mark_dirty(struct client *c);
/* It is open now: tells the owner. */
void client_opened(struct client *c);
/* Closes it and tells the owner why, the first time: for good. */
void client_end(struct client *c, enum err err, const char *why);
/*
 * The same, but when the client reconnects and the error is one that time may
 * heal, the connection is lost only. Either way `closed` is set after it.
 */
void client_fail(struct client *c, enum err err, const char *why);
__attribute__((format(printf, 3, 4))) void
client_failf(struct client *c, enum err err, const char *format, ...);
/* Whether a status may be another one later. */
bool client_status_heals(unsigned status);
/* A request got a status that it should not get. */
void client_fail_status(struct client *c, unsigned status);
/* For recovery: a welcome came, an answer to `resume` did. */
void client_welcomed(struct client *c, struct slice payload);
void client_resumed(struct client *c, bool ok);
#define CLIENT_RESUME_ID CLIENT_ID_END

/*
 * Four bytes for the next frame's mask, from the kernel's generator: those of
 * the frames before say nothing about them (RFC 6455 section 5.3).
 */
void client_mask(struct client *c, unsigned char key[4]);

/* Bytes. Both count. */
/*
 * Reads into env->input. ERR_OK with *bytes, else as conn_read(). *drained
 * tells that the socket is known to be empty.
 */
MUST_USE enum err client_read(struct client *c, struct conn *conn,
			      struct slice *bytes, bool *drained);
/*
 * Writes what `out` holds and the socket takes; the rest stays for
 * on_writable. Gives memory back when all is out. ERR_CLOSED, ERR_IO.
 */
MUST_USE enum err client_write(struct client *c, struct conn *conn,
			       struct buf *out);

/* Requests */
/*
 * Appends the request target: path (or `fallback`), `first` (a fixed query or
 * empty), and if `rooms` is set namespace and rooms as query parameters.
 */
MUST_USE enum err client_add_target(struct buf *b,
				    const struct client_options *o,
				    const char *fallback, const char *first,
				    bool rooms);
/* Appends "Host: ..." with its line end. */
MUST_USE enum err client_add_host(struct buf *b,
				  const struct client_options *o);

#endif

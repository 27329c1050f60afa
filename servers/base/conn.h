/* SPDX-License-Identifier: MIT */
/*
 * A non-blocking byte stream over a socket, connected by us or adopted from
 * the HTTP front. It is registered once, edge-triggered for reading, writing
 * and hang-up, and never changed again, so that an idle stream costs no
 * system call and a busy one exactly one per write.
 *
 * The owner embeds `struct conn` and is told by callbacks. A conn holds no
 * buffers: reading goes into the caller's, writing returns how much went.
 * conn_close() may be called from inside any callback.
 */
#ifndef SERVERS_BASE_CONN_H
#define SERVERS_BASE_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "servers/base/err.h"
#include "servers/base/loop.h"
#include "servers/base/slice.h"

struct conn;

struct conn_ops {
	/* MUST read until ERR_AGAIN, or call conn_read_later(). */
	void (*on_readable)(struct conn *c);
	/* The socket takes bytes again after ERR_AGAIN (or is connected). */
	void (*on_writable)(struct conn *c);
	/*
	 * The link is gone (reset, refused, peer closed both ways). MUST end
	 * in conn_close(). `why` is ERR_CLOSED, ERR_IO,
	 * ERR_REFUSED (nobody listens) or ERR_TIMEOUT.
	 */
	void (*on_gone)(struct conn *c, enum err why);
};

struct conn {
	struct loop_fd io;
	struct loop *loop;
	const struct conn_ops *ops;
	bool connecting;
	bool blocked; /* a write met a full socket; wait for on_writable */
	bool ended;   /* the peer sends no more than what is there to read */
	bool stamped; /* conn_stamp() */
	uint64_t stamp_ns;
};

/* Life cycle */
/* Takes `fd` (non-blocking after): also on failure, when it is closed. */
MUST_USE enum err conn_adopt(struct conn *c, struct loop *l, int fd,
			     const struct conn_ops *ops);
/*
 * Starts connecting to a numeric address or resolvable host (names resolve
 * before the call returns). `local` may name the source address, or be NULL.
 * on_writable tells success, on_gone failure.
 */
MUST_USE enum err conn_connect(struct conn *c, struct loop *l, const char *host,
			       int port, const char *local,
			       const struct conn_ops *ops);
void conn_close(struct conn *c); /* idempotent */
/*
 * The same for a peer that is gone: the kernel forgets at once what it still
 * has to send, and keeps nothing of the connection.
 */
void conn_abort(struct conn *c);

/* Operations */
/*
 * Reads up to n bytes. ERR_OK with *got > 0; ERR_AGAIN when there is nothing
 * now; ERR_CLOSED at the end of the stream; ERR_IO. A short read (*got < n)
 * means drained: reading again before the next event is unnecessary.
 */
MUST_USE enum err conn_read(struct conn *c, void *into, size_t n, size_t *got);
void conn_read_later(struct conn *c); /* on_readable again next tick */
/*
 * Writes as much as the socket takes. ERR_OK: *wrote is n or, when the socket
 * is full, less (then `blocked` is set and on_writable will come).
 * ERR_CLOSED or ERR_IO: the link is gone; on_gone is NOT called for it.
 */
MUST_USE enum err conn_write(struct conn *c, const void *bytes, size_t n,
			     size_t *wrote);
MUST_USE enum err conn_writev(struct conn *c, const struct iovec *iov,
			      int count, size_t *wrote);
/*
 * From now on conn_read() sets `stamp_ns` to when the kernel got the newest of
 * the bytes that it returned (CLOCK_REALTIME), or to 0 when it does not tell.
 */
void conn_stamp(struct conn *c, bool on);
/* Half-close: no more writes; the peer sees the end of the stream. */
void conn_shutdown(struct conn *c);
/*
 * Sets for how long bytes may wait in the kernel, sent and not acknowledged or
 * kept back by the peer's closed window, until it ends the connection
 * (TCP_USER_TIMEOUT): on_gone tells ERR_TIMEOUT. It goes on counting after
 * conn_close(), so that what is left there is bounded in time, too.
 */
void conn_user_timeout(struct conn *c, uint64_t ms);

/* Queries */
static inline bool conn_open(const struct conn *c)
{
	return c->loop && c->io.fd >= 0; /* a zeroed conn is closed */
}
/* Bytes written that the peer's kernel has not acknowledged. */
size_t conn_unacked(const struct conn *c);
/*
 * Whether bytes are under way and nothing came back for `ms`. A closed window
 * is not that: then nothing is under way, and the peer answers our probes, at
 * intervals that get long.
 */
bool conn_cut(const struct conn *c, uint64_t ms);

#endif

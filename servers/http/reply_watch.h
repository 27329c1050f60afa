/* SPDX-License-Identifier: MIT */
/*
 * Whether the peer of a WebSocket still answers what it is sent, a ping or a
 * close frame. Its time to answer counts from the frame's arrival there. That
 * is at once when nothing waits to be sent before it; otherwise the watch
 * looks several times, and as long as the link drains towards the frame, the
 * peer is slow and not gone.
 */
#ifndef SERVERS_HTTP_REPLY_WATCH_H
#define SERVERS_HTTP_REPLY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct transport;

struct reply_watch {
	uint64_t end;	    /* how far the stream is with it; 0: it is there */
	uint64_t arrived;   /* how far it was at the last look */
	uint64_t looked_ms; /* when that was */
	uint64_t moved_ms;  /* when the peer's time began */
	uint32_t timeout_ms, look_ms;
};

struct reply_times {
	uint64_t timeout_ms; /* for the answer */
	uint64_t stopped_ms; /* within which a peer that stops is to be found */
};

/*
 * Begins for the control frames that `t` has queued, or for its close frame,
 * which is last. Returns in how many milliseconds to look first, if no answer
 * has come until then.
 */
uint64_t reply_watch_begin(struct reply_watch *w, const struct transport *t,
			   const struct conn *c,
			   const struct reply_times *times, uint64_t now_ms);
/*
 * Returns when to look next; 0: the peer's time is over. `unheard`: we do not
 * read what it sends, so any progress of the stream is a sign of life.
 */
uint64_t reply_watch_look(struct reply_watch *w, const struct transport *t,
			  const struct conn *c, uint64_t now_ms, bool unheard);

#endif

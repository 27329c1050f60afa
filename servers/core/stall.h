/* SPDX-License-Identifier: MIT */
/*
 * Whether a stream that is only written to still takes what we send. The peer
 * says nothing itself, so what its kernel acknowledges has to do:
 *
 *  - bytes are under way and nothing at all comes back for a time-out: the
 *    link is cut;
 *  - bytes wait because its window is closed: it does not read, and has the
 *    interval and the time-out to go on.
 *
 * Bytes that arrive count, not the queue's length, which dropping for a slow
 * reader keeps as it is. Where nothing is sent, nothing can be known: each
 * interval something should be.
 */
#ifndef SERVERS_CORE_STALL_H
#define SERVERS_CORE_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct backend_options;
struct conn;
struct transport;

struct stall {
	uint64_t arrived;  /* how far the stream was when it moved last */
	uint64_t moved_ms; /* since then the same bytes wait */
};

enum stall_state {
	STALL_NONE,    /* all that was sent has arrived */
	STALL_WAITING, /* something has not; see stall_next() */
	STALL_GONE,    /* nor will it */
};

/*
 * Looks: to be called each interval, before the heartbeat is queued, and when
 * stall_next() says so while something waits, such as that heartbeat.
 */
enum stall_state stall_look(struct stall *s, const struct transport *t,
			    const struct conn *c,
			    const struct backend_options *o, uint64_t now_ms);
/* In how many milliseconds what waits has waited too long. */
uint64_t stall_next(const struct stall *s, const struct backend_options *o,
		    uint64_t now_ms);

#endif

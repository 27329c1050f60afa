/* SPDX-License-Identifier: MIT */
/*
 * What a delivery's bytes on the wire consist of, as measured, and the least
 * that the protocols need for it.
 *
 * The least is a bound: no server that the load worker's clients understand
 * gets below it, and what one has beyond it was its choice. It counts, for
 * each message that one of many subscribers receives:
 * - framing: of the dialect's envelope (docs/PROTOCOLS.md) what its clients
 *   cannot do without: `type`, `room` and `data` of the raw dialect's object;
 *   event, data and `room` and `seq` of a Socket.IO event of the relay. Around
 *   it a WebSocket frame's head (RFC 6455 section 5.2), `data:` and the end of
 *   an event (WHATWG HTML 9.2), or an Engine.IO packet's type, and the
 *   separator between two in one answer;
 * - http: of long polling a request of request line and Host without a port,
 *   with a session's id of one character, and an answer of status line
 *   without a reason and Content-Length (RFC 9112), shared by the messages
 *   that it carries. A stream's own head is long past;
 * - tcp_ip: 52 bytes (IPv4, TCP with timestamps) for each segment with data,
 *   of as much as the MTU lets through. A segment that only acknowledges is
 *   not in it: there is no bound on how many one may stand for.
 *
 * In a closed loop the messages of a window may leave together; the next
 * window must wait for them. In an open loop nothing bounds how long a server
 * lets messages wait for others, so that all of the slice may.
 *
 * What the publisher sends is not in it. What compression leaves of a message
 * follows from no protocol: where it is agreed on there is no least.
 *
 * Example:
 *	struct wire_case c = {.dialect = "ws", .payload = 128, .room = "r",
 *			      .messages = 32, .together = 1, .mtu = 1500};
 *	struct wire_bytes in, out;
 *	if (wire_model(&c, &in, &out))
 *		printf("%g\n", in.framing);
 */
#ifndef BENCH_LOAD_WIRE_H
#define BENCH_LOAD_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/load.h"

#define WIRE_SEGMENT 52 /* bytes of IPv4's and TCP's heads */

/* Bytes per delivery, in one direction. There is no TLS. */
struct wire_bytes {
	double payload, framing, http, tcp_ip;
};

struct wire_case {
	const char *dialect;
	const char *path;  /* where it is served; NULL or "": the usual one */
	uint32_t payload;  /* bytes of a message's data */
	uint64_t messages; /* that are published, above 0 */
	uint32_t rooms;	   /* that they are dealt to in turn; 0: one */
	uint64_t together; /* messages that may leave at once; 0: all */
	const char *room;
	uint32_t mtu; /* 0: not known, as on loopback */
	bool deflate; /* messages are compressed */
};

/* Queries */
/* False: there is no least, as the dialect is unknown or compressed. */
bool wire_model(const struct wire_case *c, struct wire_bytes *to_client,
		struct wire_bytes *to_server);
/*
 * Of a slice whose plan had `split`: both directions, publisher included,
 * divided by `units`, which MUST be above 0. Of compressed messages to the
 * client (c->deflate) payload is what was sent, the compressed envelope
 * included, and framing the heads of their frames.
 */
void wire_measured(const struct wire_case *c, const struct load_result *r,
		   double units, struct wire_bytes *to_client,
		   struct wire_bytes *to_server);

#endif

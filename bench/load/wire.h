/* SPDX-License-Identifier: MIT */
/*
 * What a delivery's bytes on the wire consist of, as measured, and the least
 * that the protocols need for it.
 *
 * The model counts, for each message that one of many subscribers receives:
 * - framing: the dialect's envelope (docs/PROTOCOLS.md), and around it a
 *   WebSocket frame's head (RFC 6455 section 5.2), an event stream's fields
 *   (WHATWG HTML 9.2) or an Engine.IO packet's type and separator;
 * - http: of long polling a request of request line and Host, and an answer
 *   of status line, Content-Type and Content-Length (RFC 9112), shared by the
 *   messages that it carries;
 * - tcp_ip: 52 bytes (IPv4, TCP with timestamps) for each segment: a stream has
 *   one with data and one that acknowledges it for all messages that leave
 *   together, a poll one each way.
 * What the publisher sends is not in it, nor compression.
 *
 * Example:
 *	struct wire_case c = {.dialect = "ws", .payload = 128, .together = 1};
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
	uint32_t payload;  /* bytes of a message's data */
	uint32_t together; /* messages that leave at once */
	const char *room;
	uint64_t position; /* that a message typically has, for its digits */
};

/* Queries */
/* False: the dialect has no model. */
bool wire_model(const struct wire_case *c, struct wire_bytes *to_client,
		struct wire_bytes *to_server);
/*
 * Of a slice whose plan had `split`: both directions, publisher included,
 * divided by `units`, which MUST be above 0. With compression framing is
 * less than 0 when it saved more than framing costs.
 */
void wire_measured(const struct load_result *r, uint32_t payload, double units,
		   struct wire_bytes *to_client, struct wire_bytes *to_server);

#endif

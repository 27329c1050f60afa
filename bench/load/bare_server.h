/* SPDX-License-Identifier: MIT */
/*
 * The floor under every target: a C loop of send(), and nothing else. No
 * protocol, no queues, no coalescing, no work per client: each published
 * message goes to every subscriber of its room by one plain send().
 *
 * The protocol. A frame is 8 bytes, length and id (little-endian 32-bit
 * numbers), and `length` bytes.
 * - A client's first byte makes it a subscriber ('S') of room 0, a subscriber
 *   of another room ('R' and its number, 32 bits), or a publisher ('P').
 *   The server answers with an empty frame of id 0: ready.
 * - A publisher sends frames. Each is sent on as it is, header included, to
 *   every subscriber of room 0; then, if its id is not 0, an empty frame of
 *   that id goes back to the publisher as an answer. BARE_IN_ROOM + k (32 bits)
 *   in front of a frame sends it to room k instead.
 * - Anything else (another first byte, bytes from a subscriber, a length over
 *   BARE_MAX, a room not below BARE_ROOMS) closes the connection.
 *
 * A subscriber that does not read stops everybody, for at most
 * BARE_PATIENCE_MS, and is then dropped: that is what the simplest loop does.
 */
#ifndef BENCH_LOAD_BARE_SERVER_H
#define BENCH_LOAD_BARE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"

#define BARE_HEADER 8
#define BARE_MAX ((size_t)1 << 20)
#define BARE_PATIENCE_MS 5000
#define BARE_ROOMS 20000
#define BARE_IN_ROOM 0x80000000u
#define BARE_ROOM 4 /* bytes of a room's number */

struct bare_server;

/* All zero: none. Answers to the publisher are not held back. */
struct bare_disturbance {
	uint64_t delay_ns; /* from receiving a message to sending it on */
	/* The process stands still for stall_ns, every stall_every_ns. */
	uint64_t stall_every_ns, stall_ns;
};

static inline void bare_put_u32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	p[2] = (unsigned char)(v >> 16);
	p[3] = (unsigned char)(v >> 24);
}

static inline uint32_t bare_get_u32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Life cycle */
/*
 * Listens on host:port (0 picks one; see bare_server_port). ERR_USAGE for a
 * host that is not numeric, ERR_EXISTS when the port is taken, ERR_IO.
 */
MUST_USE enum err bare_server_new(const char *host, int port,
				  struct bare_server **out);
void bare_server_free(struct bare_server *s); /* closes everything */

/* Operations */
/* Makes it slow on purpose; before it serves. ERR_IO. */
MUST_USE enum err bare_server_disturb(struct bare_server *s,
				      const struct bare_disturbance *d);
/*
 * Serves until `stop_fd` (for example a signalfd) is readable; -1 serves
 * until it fails.
 */
MUST_USE enum err bare_server_run(struct bare_server *s, int stop_fd);

/* Queries */
int bare_server_port(const struct bare_server *s);

#endif

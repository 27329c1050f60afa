/* SPDX-License-Identifier: MIT */
/*
 * Texts to a WebSocket server that echoes them, one after the other, and the
 * bytes on the socket each way: all that RFC 6455 puts around a text, and
 * nothing that a dialect of ours would add. Blocks; for a few texts.
 *
 * Example:
 *	struct echo_plan p = {.host = "127.0.0.1", .port = 8080, .path = "/ws",
 *			      .texts = 8, .size = 13};
 *	struct echo_bytes b;
 *	if (echo_run(&p, &b, why) == ERR_OK)
 *		printf("%g\n", (double)b.up / p.texts - p.size);
 */
#ifndef BENCH_LOAD_ECHO_H
#define BENCH_LOAD_ECHO_H

#include <stdint.h>

#include "servers/base/err.h"

#define ECHO_WHY 160
#define ECHO_TIMEOUT_S 5 /* for each answer */

struct echo_plan {
	const char *host; /* numeric */
	int port;
	const char *path;
	uint32_t texts;
	uint32_t size; /* bytes of a text, of letters only */
};

/* After the opening handshake. */
struct echo_bytes {
	uint64_t up, down;
};

/* Operations */
/*
 * ERR_OK when each text came back unchanged. Else ERR_IO,
 * ERR_PROTO, ERR_CLOSED or ERR_TIMEOUT, and `why` of ECHO_WHY bytes says what
 * happened.
 */
MUST_USE enum err echo_run(const struct echo_plan *p, struct echo_bytes *out,
			   char *why);

#endif

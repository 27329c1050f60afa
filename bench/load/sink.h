/* SPDX-License-Identifier: MIT */
/*
 * Subscribers that do not decode: after the protocol's opening, each is a
 * socket on which a plain recv() loop counts bytes, and nothing more. What
 * this costs is the least that any load worker can cost, so the decoding one
 * is compared with it.
 *
 * Sockets of one set are counted together. Heartbeats are counted as bytes
 * and not answered, so that a set lives no longer than the server's patience.
 */
#ifndef BENCH_LOAD_SINK_H
#define BENCH_LOAD_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/client.h"
#include "servers/base/err.h"
#include "servers/base/loop.h"

struct sinks;

/* Life cycle */
/*
 * A set of up to `max` sockets that subscribe by `dialect` ("ws", "sse" or
 * "bare") as `o` says, whose strings are borrowed. ERR_USAGE for another
 * dialect, ERR_LIMIT when the request is too long.
 */
MUST_USE enum err sinks_new(struct loop *l, const char *dialect,
			    const struct client_options *o, uint32_t max,
			    struct sinks **out);
void sinks_free(struct sinks *s); /* closes; NULL is legal */

/* Operations */
/*
 * Those that open from now on read so many bytes a second each, so that their
 * peer has to wait for them. ERR_IO when there is no timer for it.
 */
MUST_USE enum err sinks_slow(struct sinks *s, uint32_t rate);
/* Starts connecting one more; failures are seen in sinks_closed(). */
void sinks_connect(struct sinks *s);

/* Queries */
uint32_t sinks_started(const struct sinks *s);
uint32_t sinks_open(const struct sinks *s); /* got past the opening, ever */
uint32_t sinks_closed(const struct sinks *s);
uint64_t sinks_bytes_in(const struct sinks *s);
uint64_t sinks_bytes_out(const struct sinks *s);
/* Of the newest failure, a static string; "" while there was none. */
const char *sinks_error(const struct sinks *s);

#endif

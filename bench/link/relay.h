/* SPDX-License-Identifier: MIT */
/*
 * The link in user space: listens, and relays each connection to one server
 * over a link of the plan's delay, jitter, rate and faults. It terminates TCP,
 * so that loss and congestion control do not show: see packets.h for those.
 */
#ifndef BENCH_LINK_RELAY_H
#define BENCH_LINK_RELAY_H

#include <stdio.h>

#include "bench/link/plan.h"
#include "bench/link/units.h"
#include "servers/base/loop.h"

struct relay;

/* Life cycle */
/*
 * Starts to listen on `listen` (port 0 picks one). Borrows the plan and the
 * loop. On failure `message` says why in one line: ERR_USAGE for an address
 * that is none, ERR_IO otherwise.
 */
MUST_USE enum err relay_new(struct loop *loop, const struct plan *plan,
			    const struct endpoint *listen,
			    const struct endpoint *to, struct relay **out,
			    char *message, size_t message_size);
void relay_free(struct relay *r); /* closes all connections */

/* Queries */
int relay_port(const struct relay *r);
void relay_json(const struct relay *r, FILE *out); /* one line */

#endif

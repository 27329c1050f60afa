/* SPDX-License-Identifier: MIT */
/*
 * Two ways to make messages of a client's bytes: wslay's event loop, used as
 * its own server examples use it, and the receiver of our server. Both get
 * the same reads, check text for UTF-8, and hand out whole messages.
 */
#ifndef BENCH_MICRO_RECEIVE_H
#define BENCH_MICRO_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/micro/frames.h"

/* What was handed out. */
struct received {
	uint64_t messages, bytes;
	uint64_t digest; /* of the payloads, when `digests` */
	bool digests;
};

struct receive_ops {
	const char *name;
	/* A connection; returns owned. */
	void *(*open)(struct received *into);
	/* Feeds all of `f` once. The connection MUST be able to go on. */
	void (*pass)(void *connection, const struct frames *f);
	void (*close)(void *connection);
};

extern const struct receive_ops receive_wslay;
extern const struct receive_ops receive_ours;

/* Operations */
void received_add(struct received *r, const void *p, size_t n);

#endif

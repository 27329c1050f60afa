/* SPDX-License-Identifier: MIT */
/*
 * When bytes that arrive now come out at the other end of a link's one
 * direction: they wait for the rate, then travel for the delay, more or less
 * by up to the jitter. Time is the caller's, so that tests simulate it.
 *
 * All connections of a link share the rate of a direction, as they do on a
 * real one. Order is the caller's to keep: jitter alone would break it.
 */
#ifndef BENCH_LINK_SHAPER_H
#define BENCH_LINK_SHAPER_H

#include <stddef.h>
#include <stdint.h>

#include "servers/base/random.h"

struct shaper {
	uint64_t delay_ns;
	uint64_t jitter_ns; /* not above delay_ns */
	uint64_t rate_bits; /* a second; 0: without limit */
	uint64_t free_ns;   /* when the last byte taken has left */
	struct rng rng;
};

/* Jitter above the delay is cut to it: nothing arrives before it is sent. */
void shaper_init(struct shaper *s, uint64_t delay_ns, uint64_t jitter_ns,
		 uint64_t rate_bits, uint64_t seed);
/* Takes n bytes (up to 1 GiB); returns when the last of them comes out. */
uint64_t shaper_due(struct shaper *s, uint64_t now_ns, size_t n);

/* Queries */
/* Bytes that wait for the rate. */
size_t shaper_backlog(const struct shaper *s, uint64_t now_ns);
/* When no more than `bytes` will wait, if nothing is added. */
uint64_t shaper_drained(const struct shaper *s, size_t bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The open loop's schedule: when each message is intended to leave, whatever
 * the answers do. Message i of a constant rate is due at
 * start + i / rate, computed from i, so that rounding never drifts. Bursts of
 * k are due together, 1/k as often. Poisson spacing is drawn from a seeded
 * generator, so that a run can be repeated.
 *
 * The schedule holds no clock: the caller asks with the time it has.
 */
#ifndef BENCH_LOAD_PACE_H
#define BENCH_LOAD_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/random.h"

struct pace_options {
	double rate;	/* messages per second, bursts included; > 0 */
	uint32_t burst; /* messages due together; 0 means 1 */
	bool poisson;	/* exponential gaps between bursts */
	uint64_t seed;	/* for Poisson */
};

struct pace {
	struct pace_options options;
	uint64_t start_ns;
	uint64_t due_ns; /* of the current burst */
	uint64_t bursts; /* begun before the current one */
	uint32_t left;	 /* messages of the current burst not yet taken */
	double offset;	 /* Poisson: ns of the current burst after start */
	struct rng rng;
};

/* Life cycle */
/* The first burst is due at `start_ns`. */
void pace_init(struct pace *p, const struct pace_options *o, uint64_t start_ns);

/* Operations */
/*
 * Takes the next message if it is due at `now_ns`; `intended_ns` is when it
 * should have left. False when nothing is due.
 */
bool pace_take(struct pace *p, uint64_t now_ns, uint64_t *intended_ns);

/* Queries */
/* When the next message is (or was) due. */
uint64_t pace_next(const struct pace *p);

#endif

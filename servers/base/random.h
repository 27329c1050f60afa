/* SPDX-License-Identifier: MIT */
/*
 * Randomness that peers cannot guess, from the kernel; and a small seeded
 * generator (xoshiro256**) for load and statistics, where repeating a run
 * from its printed seed matters more than secrecy.
 */
#ifndef SERVERS_BASE_RANDOM_H
#define SERVERS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills with secret random bytes (getrandom); aborts on failure. */
void random_bytes(void *into, size_t n);
/*
 * Writes `chars` characters of the base64url alphabet (6 random bits each)
 * and a NUL: 20 for Engine.IO ids, 22 for 128-bit secrets.
 */
void random_id(char *into, size_t chars);

struct rng {
	uint64_t s[4];
};
void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
double rng_unit(struct rng *r);			    /* [0, 1) */
uint64_t rng_below(struct rng *r, uint64_t bound);  /* [0, bound) */
double rng_exponential(struct rng *r, double mean); /* for Poisson arrivals */

#endif

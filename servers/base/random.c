/* SPDX-License-Identifier: MIT */
#include "servers/base/random.h"

#include <errno.h>
#include <math.h>
#include <sys/random.h>

#include "servers/base/check.h"

void random_bytes(void *into, size_t n)
{
	unsigned char *p = into;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* Going on with guessable secrets would be worse. */
		CHECK(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void random_id(char *into, size_t chars)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";

	random_bytes(into, chars);
	for (size_t i = 0; i < chars; i++)
		into[i] = alphabet[(unsigned char)into[i] & 63];
	into[chars] = '\0';
}

/* SplitMix64 (Steele, Lea and Flood): spreads one seed over the state. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->s); i++)
		r->s[i] = split_mix(&seed);
}

static uint64_t rotl(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* xoshiro256** (Blackman and Vigna). */
uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t carry = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= carry;
	s[3] = rotl(s[3], 45);
	return result;
}

double rng_unit(struct rng *r)
{
	/* 53 bits: what a double holds without rounding up to 1. */
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	uint64_t uneven;
	uint64_t x;

	CHECK(bound > 0);
	/* Drops the lowest 2^64 mod bound values: all rests stay as likely. */
	uneven = (0 - bound) % bound;
	do {
		x = rng_next(r);
	} while (x < uneven);
	return x % bound;
}

double rng_exponential(struct rng *r, double mean)
{
	/* 1 - [0, 1) is (0, 1], so that the logarithm is finite. */
	return -mean * log(1.0 - rng_unit(r));
}

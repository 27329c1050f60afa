/* SPDX-License-Identifier: MIT */
#include "bench/link/shaper.h"

#define SECOND 1000000000U

void shaper_init(struct shaper *s, uint64_t delay_ns, uint64_t jitter_ns,
		 uint64_t rate_bits, uint64_t seed)
{
	*s = (struct shaper){
		.delay_ns = delay_ns,
		.jitter_ns = jitter_ns < delay_ns ? jitter_ns : delay_ns,
		.rate_bits = rate_bits,
	};
	rng_seed(&s->rng, seed);
}

static uint64_t time_of(const struct shaper *s, size_t n)
{
	return (uint64_t)n * 8 * SECOND / s->rate_bits;
}

uint64_t shaper_due(struct shaper *s, uint64_t now_ns, size_t n)
{
	uint64_t jitter = 0;

	if (s->free_ns < now_ns)
		s->free_ns = now_ns;
	if (s->rate_bits)
		s->free_ns += time_of(s, n);
	if (s->jitter_ns)
		jitter = rng_below(&s->rng, 2 * s->jitter_ns + 1);
	return s->free_ns + s->delay_ns - s->jitter_ns + jitter;
}

size_t shaper_backlog(const struct shaper *s, uint64_t now_ns)
{
	double waiting;

	if (s->rate_bits == 0 || s->free_ns <= now_ns)
		return 0;
	waiting = (double)(s->free_ns - now_ns) / SECOND;
	return (size_t)(waiting * (double)s->rate_bits / 8);
}

uint64_t shaper_drained(const struct shaper *s, size_t bytes)
{
	uint64_t early = s->rate_bits ? time_of(s, bytes) : 0;

	return s->free_ns > early ? s->free_ns - early : 0;
}

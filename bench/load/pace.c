/* SPDX-License-Identifier: MIT */
#include "bench/load/pace.h"

#include "servers/base/check.h"

#define SECOND_NS 1e9

/* Between bursts, so that bursts of k come 1/k as often. */
static double gap_ns(const struct pace *p)
{
	return SECOND_NS * p->options.burst / p->options.rate;
}

static void next_burst(struct pace *p)
{
	p->bursts++;
	p->left = p->options.burst;
	if (p->options.poisson)
		p->offset += rng_exponential(&p->rng, gap_ns(p));
	else
		p->offset = gap_ns(p) * (double)p->bursts;
	p->due_ns = p->start_ns + (uint64_t)p->offset;
}

void pace_init(struct pace *p, const struct pace_options *o, uint64_t start_ns)
{
	CHECK(o->rate > 0);
	*p = (struct pace){
		.options = *o,
		.start_ns = start_ns,
		.due_ns = start_ns,
	};
	if (p->options.burst == 0)
		p->options.burst = 1;
	p->left = p->options.burst;
	rng_seed(&p->rng, o->seed);
}

bool pace_take(struct pace *p, uint64_t now_ns, uint64_t *intended_ns)
{
	if (now_ns < p->due_ns)
		return false;
	*intended_ns = p->due_ns;
	if (--p->left == 0)
		next_burst(p);
	return true;
}

uint64_t pace_next(const struct pace *p)
{
	return p->due_ns;
}

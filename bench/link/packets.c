/* SPDX-License-Identifier: MIT */
#include "bench/link/packets.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/list.h"

/* A packet out of order comes at least so much later than it should. */
#define BEHIND_MIN_NS 1000000U

struct packet {
	struct list link; /* in `under_way` */
	struct alarm alarm;
	struct packets *in;
	size_t n;
	char bytes[];
};

static void come_out(struct alarm *a)
{
	struct packet *k = container_of(a, struct packet, alarm);
	struct packets *p = k->in;

	list_remove(&k->link);
	p->held -= sizeof(*k) + k->n;
	if (p->holed) {
		p->stats.swallowed++;
	} else {
		p->stats.sent++;
		p->stats.bytes += k->n;
		p->out(p, slice_of(k->bytes, k->n));
	}
	free(k);
}

void packets_init(struct packets *p, struct alarms *alarms,
		  const struct plan *plan, uint64_t seed, packets_fn *out)
{
	*p = (struct packets){
		.alarms = alarms,
		.loss = plan->loss,
		.reorder = plan->reorder,
		.queue = plan->queue,
		.out = out,
	};
	shaper_init(&p->shaper, plan->rtt_ns / 2, plan->jitter_ns / 2,
		    plan->rate_bits, seed);
	/* Its own, so that loss hits the same packets whatever the jitter. */
	rng_seed(&p->rng, seed + 1);
	list_init(&p->under_way);
}

void packets_release(struct packets *p)
{
	LIST_FOREACH (it, &p->under_way) {
		struct packet *k = list_entry(it, struct packet, link);

		alarm_cancel(&k->alarm);
		list_remove(it);
		free(k);
	}
	p->held = 0;
}

/* When it comes out: behind the one before, unless it loses its place. */
static uint64_t due(struct packets *p, uint64_t now_ns, size_t n, bool behind)
{
	uint64_t due_ns = shaper_due(&p->shaper, now_ns, n);
	uint64_t later_ns = p->shaper.delay_ns / 4;

	if (behind) {
		p->stats.reordered++;
		return due_ns +
		       (later_ns > BEHIND_MIN_NS ? later_ns : BEHIND_MIN_NS);
	}
	if (p->last_due_ns < due_ns)
		p->last_due_ns = due_ns;
	return p->last_due_ns;
}

void packets_push(struct packets *p, uint64_t now_ns, struct slice packet)
{
	/* Both are always drawn, so that one does not shift the other. */
	bool lose = rng_unit(&p->rng) < p->loss;
	bool behind = rng_unit(&p->rng) < p->reorder;
	uint64_t backlog = shaper_backlog(&p->shaper, now_ns);
	struct packet *k;

	if (p->holed) {
		p->stats.swallowed++;
		return;
	}
	/* An empty queue takes any packet: it goes out at once. */
	if ((backlog > 0 && backlog + packet.n > p->queue) ||
	    p->held + sizeof(*k) + packet.n > PACKETS_HELD_MAX) {
		p->stats.dropped++;
		return;
	}
	if (lose) {
		/* It is lost on the way and has had its share of the rate. */
		(void)shaper_due(&p->shaper, now_ns, packet.n);
		p->stats.lost++;
		return;
	}
	k = xmalloc(sizeof(*k) + packet.n);
	k->in = p;
	k->n = packet.n;
	memcpy(k->bytes, packet.p, packet.n);
	list_append(&p->under_way, &k->link);
	p->held += sizeof(*k) + packet.n;
	alarm_init(&k->alarm, p->alarms, come_out);
	alarm_set(&k->alarm, due(p, now_ns, packet.n, behind));
}

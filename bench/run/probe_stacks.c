/* SPDX-License-Identifier: MIT */
/* The slices that perf samples: one of each side, before the pairs. */
#include <stdio.h>

#include "bench/run/perf.h"
#include "bench/run/probe.h"

/* Those at both ends of the side's connections. */
static size_t watch_all(struct cell *c, int side, struct stacks *s,
			pid_t pids[STACKS_PIDS])
{
	const struct proc *server = &c->rig.procs[probe_server(c, side)];
	size_t n = proc_pids(server, pids, PROC_CHILDREN);

	for (size_t i = 0; i < n; i++)
		stacks_watch(s, pids[i], STACKS_SERVER);
	for (uint32_t i = 0; i < team_size(c->rig.team) && n < STACKS_PIDS;
	     i++) {
		pids[n] = team_pid(c->rig.team, i);
		stacks_watch(s, pids[n++], STACKS_WORKER);
	}
	return n;
}

static void feed(void *arg, const char *bytes, size_t n)
{
	stacks_feed(arg, bytes, n);
}

static void say(struct softirq *s, const char *why)
{
	(void)snprintf(s->unsampled, sizeof(s->unsampled), "%s", why);
}

/* While perf samples. Only what the slice itself meets is an error. */
static enum err sample(struct cell *c, struct measurement *m, int side,
		       struct perf *p, struct stacks *s)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_STACKS_MS]);
	struct softirq *out = &m->softirq;
	struct rig_slice slice;
	enum err e = probe_slice(c, plan, side, &slice);

	if (!e && (perf_stop(p) || perf_read(p, feed, s))) {
		say(out, p->reason);
	} else if (!e) {
		stacks_end(s);
		measurement_aside(m, side, &slice, "while perf sampled");
		if (!slice.valid)
			say(out, slice.why);
		else if (stacks_reason(s))
			say(out, stacks_reason(s));
		else
			softirq_take(&out->sides[side], s, slice.cost.cpu_ns);
	}
	rig_slice_release(&slice);
	return e;
}

static enum err sample_side(struct cell *c, struct measurement *m, int side)
{
	pid_t pids[STACKS_PIDS];
	struct stacks stacks;
	struct perf perf;
	enum err e = ERR_OK;
	size_t n;

	stacks_init(&stacks);
	n = watch_all(c, side, &stacks, pids);
	if (perf_start(&perf, c->suite->folder, pids, n))
		say(&m->softirq, perf.reason);
	else
		e = sample(c, m, side, &perf, &stacks);
	perf_release(&perf);
	return e;
}

enum err probe_stacks(struct cell *c, struct measurement *m)
{
	enum err e = ERR_OK;

	if (m->softirq.done || m->values[PARAM_STACKS_MS] <= 0)
		return ERR_OK;
	for (int side = 0; side < SIDES && !e && !m->softirq.unsampled[0];
	     side++)
		e = sample_side(c, m, side);
	m->softirq.done = !e;
	return e;
}

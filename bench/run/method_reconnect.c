/* SPDX-License-Identifier: MIT */
/*
 * In the middle of a slice the server is restarted, or all connections are
 * cut, and everybody comes back. All go through a relay, whose address stays
 * the same while a restarted server has another port. At a cut the publisher
 * is not behind it, so that messages go on while the others are away.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "bench/run/probe.h"
#include "servers/base/clock.h"

#define START_S 0.8 /* servers, relay and worker, planned */

static char *const no_args[] = {NULL};

static double reconnect_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] *
	       (START_S + (v[PARAM_SLICE_MS] + v[PARAM_DRAIN_MS] / 2) / 1000);
}

static enum err reconnect_start(struct cell *c)
{
	(void)c;
	return ERR_OK;
}

/* The event of the slice. */
struct blow {
	struct cell *cell;
	const struct measurement *m;
};

static enum err strike(void *arg)
{
	const struct blow *b = arg;
	struct cell *c = b->cell;
	int port = c->rig.link.port;
	enum err e = ERR_OK;

	/* The relay goes first: its clients see a reset, as of a cut line. */
	rig_stop_link(&c->rig);
	if (b->m->values[PARAM_RESTART] > 0) {
		rig_stop_server(&c->rig, SIDE_TARGET);
		e = cell_start_server(c, SIDE_TARGET, c->target, "");
	}
	return e ? e : cell_start_relay(c, SIDE_TARGET, port, no_args);
}

static void observe_slice(struct measurement *m, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;

	observe_deliveries(m, s);
	observe(&m->observations, "missed", UNIT_COUNT, (double)r->ledger.lost);
	observe(&m->observations, "unsent", UNIT_COUNT, (double)r->unsent);
	observe(&m->observations, "told gaps", UNIT_COUNT, (double)r->gaps);
	observe(&m->observations, "lost", UNIT_COUNT, (double)r->lost);
	observe(&m->observations, "back", UNIT_COUNT, (double)r->reopened);
	observe_percentile(m, "back p50", &r->away, 50);
	observe_percentile(m, "back max", &r->away, 100);
	observe_percentile(m, "max", &r->from_intended[RECEIPTS_ALL], 100);
	if (r->reopened < r->lost)
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "%" PRIu64 " of %" PRIu64
			       " connections were not back in time",
			       r->lost - r->reopened, r->lost);
}

static enum err run_slice(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_SLICE_MS]);
	struct blow blow = {c, m};
	struct rig_slice slice;
	enum err e;

	c->rig.event = (struct rig_event){
		.at_ms = clock_ms(&clock_monotonic) +
			 (uint64_t)(m->values[PARAM_SLICE_MS] / 4),
		.happen = strike,
		.arg = &blow,
	};
	rig_slice_init(&slice);
	plan.group = SIDE_TARGET;
	e = rig_run_through(&c->rig, &plan, &slice);
	if (!e)
		observe_slice(m, &slice);
	rig_slice_release(&slice);
	return e;
}

static enum err reconnect_run(struct cell *c, struct measurement *m,
			      unsigned start)
{
	struct load_target t = {
		.group = SIDE_TARGET,
		.subscribers = (uint32_t)m->values[PARAM_SUBSCRIBERS],
		.reconnect = true,
		.forget = m->values[PARAM_RESUME] <= 0,
		.room = "load-1",
	};
	enum err e;

	(void)start;
	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	e = cell_start_server(c, SIDE_TARGET, c->target, "");
	if (!e)
		e = cell_start_relay(c, SIDE_TARGET, 0, no_args);
	if (!e)
		e = rig_start_worker(&c->rig);
	c->rig.publisher_behind = m->values[PARAM_RESTART] > 0;
	if (!e)
		e = rig_connect(&c->rig, SIDE_TARGET, &t);
	if (!e)
		e = run_slice(c, m);
	/* A failure is the caller's to read before it stops the rig. */
	if (!e)
		rig_stop(&c->rig);
	return e;
}

/* A client that knows nothing but recv() does not come back. */
static bool reconnect_possible(const struct target *t)
{
	return target_reconnects(t);
}

const struct method method_reconnect = {
	.against = AGAINST_NOTHING,
	.possible = reconnect_possible,
	.planned = reconnect_planned,
	.start = reconnect_start,
	.run = reconnect_run,
};

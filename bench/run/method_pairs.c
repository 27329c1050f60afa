/* SPDX-License-Identifier: MIT */
/*
 * Slices of a target next to slices of a baseline, in the order A B B A; and
 * the load worker's own cost against that of a plain recv() loop, which is
 * the same with both sides on one server.
 */
#include <stdio.h>
#include <string.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "bench/run/pairs.h"
#include "bench/run/perf.h"
#include "bench/run/probe.h"

#define CONNECT_S 0.3 /* what starting and connecting takes, planned */
#define SLICE_S 0.03  /* what a slice takes beyond its length */

static double pairs_planned(const double v[PARAM_COUNT])
{
	double slice = v[PARAM_SLICE_MS] / 1000 + SLICE_S;
	double warm = v[PARAM_WARMUP_MS] / 1000 + SLICE_S;

	double stacks = v[PARAM_STACKS_MS] / 1000;

	if (stacks > 0)
		stacks = 2 * (stacks + PERF_S);
	return v[PARAM_STARTS] * (CONNECT_S + 2 * 3 * warm + PROBE_SILENCE_S) +
	       stacks + v[PARAM_PAIRS] * 2 * slice;
}

/* Connecting */

static enum err connect_side(struct cell *c, int side, const double *values)
{
	struct load_target t = {
		.group = side,
		.subscribers = (uint32_t)values[PARAM_SUBSCRIBERS],
		.rooms = (uint32_t)values[PARAM_ROOMS],
		.connect_rate = (uint32_t)values[PARAM_RAMP],
	};

	t.raw = c->method->against == AGAINST_ITSELF && side == SIDE_BASELINE;
	(void)snprintf(t.room, sizeof(t.room), "load-%d", side);
	return rig_connect(&c->rig, probe_server(c, side), &t);
}

static enum err connect_sides(struct cell *c, const double *values)
{
	uint32_t subscribers = (uint32_t)values[PARAM_SUBSCRIBERS];
	uint32_t rooms = (uint32_t)values[PARAM_ROOMS];
	enum err e = ERR_OK;

	if (c->is_connected && c->connected == subscribers &&
	    c->connected_rooms == rooms)
		return ERR_OK;
	for (int side = 0; side < SIDES && c->is_connected && !e; side++)
		e = rig_disconnect(&c->rig, side);
	for (int side = 0; side < SIDES && !e; side++)
		e = connect_side(c, side, values);
	c->is_connected = !e;
	c->connected = subscribers;
	c->connected_rooms = rooms;
	return e;
}

static enum err measure_slice(struct cell *c, struct measurement *m, int side,
			      struct rig_slice *out)
{
	enum err e = probe_slice(c, probe_plan(m, m->values[PARAM_SLICE_MS]),
				 side, out);

	if (!e && side == SIDE_TARGET)
		observe_company(m, out);
	return e;
}

static enum err measure(struct cell *c, struct measurement *m, unsigned start)
{
	double pair_s = 2 * (m->values[PARAM_SLICE_MS] / 1000 + SLICE_S);
	enum err e = connect_sides(c, m->values);

	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	if (!e)
		e = probe_rate(c, m);
	if (!e && c->method->against == AGAINST_BASELINE)
		e = probe_check(c, m);
	/* Nothing is measured on a target that delivers the wrong thing. */
	if (!e && m->check.done && !m->check.valid)
		return ERR_OK;
	if (!e)
		e = probe_warm_up(c, m);
	if (!e && c->method->against == AGAINST_BASELINE)
		e = probe_stacks(c, m);
	if (!e)
		e = pairs_run(c, m, start, pair_s, measure_slice);
	if (!e)
		e = probe_silence(c, m);
	return e;
}

/* Starting: server 0 is the baseline's and 1 the target's. */

enum err method_start_pair(struct cell *c)
{
	enum err e =
		cell_start_server(c, SIDE_BASELINE, c->baseline, "-baseline");

	if (!e)
		e = cell_start_server(c, SIDE_TARGET, c->target, "");
	return e ? e : rig_start_worker(&c->rig);
}

static enum err client_start(struct cell *c)
{
	enum err e = cell_start_server(c, SIDE_TARGET, c->target, "");

	return e ? e : rig_start_worker(&c->rig);
}

/*
 * A plain recv() loop knows the openings of two dialects, and both of its sides
 * are rooms of one server, which bare does not have.
 */
static bool client_possible(const struct target *t)
{
	return strcmp(t->dialect, "ws") == 0 || strcmp(t->dialect, "sse") == 0;
}

const struct method method_pairs = {
	.against = AGAINST_BASELINE,
	.primary = METRIC_SERVER_CPU,
	.planned = pairs_planned,
	.start = method_start_pair,
	.run = measure,
};

const struct method method_client = {
	.against = AGAINST_ITSELF,
	.primary = METRIC_WORKER_CPU,
	.possible = client_possible,
	.planned = pairs_planned,
	.start = client_start,
	.run = measure,
};

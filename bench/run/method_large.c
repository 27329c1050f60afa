/* SPDX-License-Identifier: MIT */
/*
 * How long others wait for a large payload: a room of small messages on
 * schedule, and a quarter into its slice a load worker of its own begins to
 * send a payload of `bulk` bytes through the same server to one subscriber in
 * another room: as one message, in many, or as one that comes to the server in
 * the raw dialect's chunk objects. Everything is started afresh for each
 * variant and start. That a server refuses such a payload is a result.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "bench/run/probe.h"
#include "bench/run/rig_bulk.h"
#include "servers/base/clock.h"

#define START_S 1.0 /* server and two workers, planned */

/* What PARAM_LARGE says. */
enum { LARGE_NOTHING, LARGE_WHOLE, LARGE_PIECES, LARGE_CHUNKS };

static double large_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] * (START_S + v[PARAM_SLICE_MS] / 1000);
}

/* Each variant starts its own. */
static enum err large_start(struct cell *c)
{
	(void)c;
	return ERR_OK;
}

static bool is_wanted(const struct measurement *m)
{
	return (int)m->values[PARAM_LARGE] != LARGE_NOTHING;
}

static bool in_chunks(const struct measurement *m)
{
	return (int)m->values[PARAM_LARGE] == LARGE_CHUNKS;
}

/* The window is that of the pieces: of a whole there is one. */
static struct load_plan bulk_plan(const struct measurement *m)
{
	const double *v = m->values;
	bool pieces = (int)v[PARAM_LARGE] == LARGE_PIECES;
	double piece = pieces ? v[PARAM_PIECE] : v[PARAM_BULK];

	return (struct load_plan){
		.kind = LOAD_CLOSED,
		.messages = (uint64_t)ceil(v[PARAM_BULK] / piece),
		.window = (uint32_t)v[PARAM_WINDOW],
		.payload = (uint32_t)piece,
		.drain_ns = (uint64_t)(v[PARAM_DRAIN_MS] * 1e6),
	};
}

/* Nothing is observed of what did not arrive as it was sent. */
static void observe_transfer(struct measurement *m, const struct rig_bulk *b)
{
	const struct load_result *r = &b->result;
	double bytes = (double)r->messages * b->plan.payload;
	double ns = (double)NAN;
	char why[LOAD_WHY];

	if (load_result_valid(r, why))
		ns = (double)(r->end_ns - r->first_ns);
	observe(&m->observations, "transfer", UNIT_NS, ns);
	observe(&m->observations, "transfer rate", UNIT_MBIT,
		bytes * 8 / ns * 1000);
	if (why[0] && !m->outcome[0])
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "the large payload does not get through: %s",
			       r->error[0] ? r->error : why);
}

/* What the server needed beside that, in the middle of it. */
static void observe_memory(struct measurement *m, struct rig *r,
			   uint64_t before)
{
	uint64_t peak;
	bool known = before > 0 && rig_peak(r, SIDE_TARGET, &peak) == ERR_OK;

	observe(&m->observations, "memory", UNIT_BYTES,
		known ? (double)peak - (double)before : (double)NAN);
}

static enum err run_slice(struct cell *c, struct measurement *m,
			  struct rig_bulk *b)
{
	double ms = m->values[PARAM_SLICE_MS];
	struct rig_slice slice;
	uint64_t before;
	enum err e;

	if (rig_peak_begin(&c->rig, SIDE_TARGET, &before) != ERR_OK)
		before = 0;
	if (is_wanted(m))
		c->rig.event = (struct rig_event){
			.at_ms =
				clock_ms(&clock_monotonic) + (uint64_t)(ms / 4),
			.happen = rig_bulk_begin,
			.arg = b,
		};
	e = probe_slice(c, probe_plan(m, ms), SIDE_TARGET, &slice);
	if (!e)
		e = rig_bulk_await(b);
	if (!e) {
		observe_deliveries(m, &slice);
		observe_latency(m, &slice);
		if (is_wanted(m))
			observe_transfer(m, b);
		observe_memory(m, &c->rig, before);
	}
	rig_slice_release(&slice);
	return e;
}

static enum err connect_all(struct cell *c, const struct measurement *m,
			    struct rig_bulk *b)
{
	struct load_target t = {
		.group = SIDE_TARGET,
		.subscribers = (uint32_t)m->values[PARAM_SUBSCRIBERS],
		.room = "load-1",
	};
	enum err e = cell_start_server(c, SIDE_TARGET, c->target, "");

	if (!e)
		e = rig_start_worker(&c->rig);
	if (!e)
		e = rig_connect(&c->rig, SIDE_TARGET, &t);
	if (!e && is_wanted(m))
		e = rig_bulk_connect(b, SIDE_TARGET);
	return e;
}

static enum err large_run(struct cell *c, struct measurement *m, unsigned start)
{
	struct load_plan plan = bulk_plan(m);
	struct rig_bulk b;
	enum err e;

	(void)start;
	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	if (in_chunks(m) && strcmp(c->target->dialect, "ws") != 0) {
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "its dialect has no chunk objects");
		return ERR_OK;
	}
	rig_bulk_init(&b, &c->rig, &plan);
	if (in_chunks(m))
		b.chunk = (uint64_t)m->values[PARAM_PIECE];
	e = connect_all(c, m, &b);
	if (!e)
		e = run_slice(c, m, &b);
	rig_bulk_release(&b);
	/* A failure is the caller's to read before it stops the rig. */
	if (!e)
		rig_stop(&c->rig);
	return e;
}

/* Bare's frames end at a megabyte, and its subscribers stop everybody. */
static bool large_possible(const struct target *t)
{
	return strcmp(t->dialect, "bare") != 0;
}

const struct method method_large = {
	.against = AGAINST_NOTHING,
	.possible = large_possible,
	.planned = large_planned,
	.start = large_start,
	.run = large_run,
};

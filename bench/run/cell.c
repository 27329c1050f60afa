/* SPDX-License-Identifier: MIT */
#include "bench/run/cell.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/probe.h"
#include "servers/base/check.h"

#define WARM_CONNECTIONS 50 /* made and closed before memory is read */
#define CONNECT_S 0.3	    /* what starting and connecting takes, planned */
#define SLICE_S 0.03	    /* what a slice takes beyond its length */

/* Planning */

double cell_planned(const struct scenario *s, const double v[PARAM_COUNT])
{
	double slice = v[PARAM_SLICE_MS] / 1000 + SLICE_S;
	double warm = v[PARAM_WARMUP_MS] / 1000 + SLICE_S;

	if (s->method == METHOD_MEMORY)
		return v[PARAM_STARTS] *
		       (CONNECT_S + 2 * v[PARAM_SETTLE_MS] / 1000);
	return v[PARAM_STARTS] * (CONNECT_S + 2 * 3 * warm) +
	       v[PARAM_PAIRS] * 2 * slice;
}

/*
 * A plain recv() loop cannot poll, and both of its sides are rooms of one
 * server, which bare does not have.
 */
bool cell_possible(const struct scenario *s, const struct target *t)
{
	return s->method != METHOD_CLIENT ||
	       (strcmp(t->dialect, "longpoll") != 0 &&
		strcmp(t->dialect, "bare") != 0);
}

/* A rig for one start */

static enum err start_server(struct cell *c, int index, const struct target *t,
			     const char *role)
{
	char name[160], path[PATH_MAX];

	(void)snprintf(name, sizeof(name), "%.64s%s.log", t->name, role);
	if (path_join(path, sizeof(path), c->suite->folder, name))
		return ERR_LIMIT;
	return rig_start_server(&c->rig, index, t, c->suite->home, path);
}

/*
 * Server 0 is the baseline's and 1 the target's; against a plain recv() loop
 * both sides are groups of one server.
 */
static enum err start(struct cell *c)
{
	enum err e = ERR_OK;

	c->is_connected = false;
	if (c->scenario->method == METHOD_PAIRS)
		e = start_server(c, SIDE_BASELINE, c->baseline, "-baseline");
	if (!e)
		e = start_server(c, SIDE_TARGET, c->target, "");
	if (!e)
		e = rig_start_worker(&c->rig);
	return e;
}

static enum err connect_side(struct cell *c, int side, uint32_t subscribers)
{
	struct load_target t = {.group = side, .subscribers = subscribers};

	t.raw = c->scenario->method == METHOD_CLIENT && side == SIDE_BASELINE;
	(void)snprintf(t.room, sizeof(t.room), "load-%d", side);
	return rig_connect(&c->rig, probe_server(c, side), &t);
}

static enum err connect_sides(struct cell *c, uint32_t subscribers)
{
	enum err e = ERR_OK;

	if (c->is_connected && c->connected == subscribers)
		return ERR_OK;
	for (int side = 0; side < SIDES && c->is_connected && !e; side++)
		e = rig_disconnect(&c->rig, side);
	for (int side = 0; side < SIDES && !e; side++)
		e = connect_side(c, side, subscribers);
	c->is_connected = !e;
	c->connected = subscribers;
	return e;
}

/* Pairs */

/* One pair at an even place runs A B, at an odd one B A. */
static enum err run_pair(struct cell *c, struct measurement *m, size_t place,
			 unsigned start, bool *again)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_SLICE_MS]);
	bool may_repeat = *again;
	struct rig_slice pair[SIDES];
	enum err e = ERR_OK;

	for (int i = 0; i < SIDES; i++)
		rig_slice_init(&pair[i]);
	for (int i = 0; i < SIDES && !e; i++) {
		int side = place % 2 ? 1 - i : i;

		e = probe_slice(c, plan, side, &pair[side]);
	}
	if (!e)
		*again = measurement_pair(m, pair, place, start, may_repeat);
	for (int i = 0; i < SIDES; i++)
		rig_slice_release(&pair[i]);
	return e;
}

static enum err run_pairs(struct cell *c, struct measurement *m, unsigned start)
{
	size_t all = (size_t)m->values[PARAM_PAIRS];
	size_t starts = (size_t)m->values[PARAM_STARTS];
	size_t from = all * start / starts, to = all * (start + 1) / starts;
	double each = 2 * (m->values[PARAM_SLICE_MS] / 1000 + SLICE_S);
	enum err e = ERR_OK;

	for (size_t place = from; place < to && !e; place++) {
		/* A machine that is never quiet must not take for ever. */
		bool again = m->repeated * 4 < all;

		e = run_pair(c, m, place, start, &again);
		if (!e && again) {
			again = false;
			e = run_pair(c, m, place, start, &again);
		}
		progress_done(&c->suite->progress, each);
		c->accounted += each;
	}
	if (!e && m->invalid == all)
		m->complete = false;
	return e;
}

static enum err run_variant(struct cell *c, struct measurement *m,
			    unsigned start)
{
	enum err e = connect_sides(c, (uint32_t)m->values[PARAM_SUBSCRIBERS]);

	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	if (!e)
		e = probe_rate(c, m);
	if (!e && c->scenario->method == METHOD_PAIRS)
		e = probe_check(c, m);
	/* Nothing is measured on a target that delivers the wrong thing. */
	if (!e && m->check.done && !m->check.valid)
		return ERR_OK;
	if (!e)
		e = probe_warm_up(c, m);
	if (!e)
		e = run_pairs(c, m, start);
	return e;
}

/* Memory */

static enum err connect_idle(struct cell *c, int group, uint32_t n)
{
	struct load_target t = {.group = group, .subscribers = n};

	(void)snprintf(t.room, sizeof(t.room), "load-%d", group);
	return rig_connect(&c->rig, SIDE_TARGET, &t);
}

/*
 * What a server allocates once, for its first connections, is not theirs:
 * some are made and closed before the first reading.
 */
static enum err run_memory(struct cell *c, struct measurement *m)
{
	struct memory_point point = {
		.connections = (uint32_t)m->values[PARAM_SUBSCRIBERS]};
	uint64_t settle = (uint64_t)m->values[PARAM_SETTLE_MS];
	struct sample before, after;
	enum err e;

	progress_step(&c->suite->progress, "%s: %s", c->scenario->name,
		      c->target->name);
	e = connect_idle(c, 0, WARM_CONNECTIONS);
	if (!e)
		e = rig_disconnect(&c->rig, 0);
	if (!e)
		e = rig_pause(&c->rig, settle);
	if (!e)
		e = rig_sample(&c->rig, SIDE_TARGET, &before);
	if (!e)
		e = connect_idle(c, 1, point.connections);
	if (!e)
		e = rig_pause(&c->rig, settle);
	if (!e)
		e = rig_sample(&c->rig, SIDE_TARGET, &after);
	if (e)
		return e;
	point.before = before.rss_anon;
	point.after = after.rss_anon;
	measurement_memory(m, &point);
	return ERR_OK;
}

/* The cell */

static enum err run_start(struct cell *c, unsigned at)
{
	size_t n = c->scenario->variant_count;
	enum err e = start(c);

	for (size_t i = 0; i < n && !e; i++) {
		struct measurement *m = &c->measurements[i];

		if (at >= (unsigned)m->values[PARAM_STARTS])
			continue;
		m->complete = at + 1 == (unsigned)m->values[PARAM_STARTS];
		e = c->scenario->method == METHOD_MEMORY
			    ? run_memory(c, m)
			    : run_variant(c, m, at);
		if (e)
			m->complete = false;
	}
	return e;
}

/* A failure touches every variant that is not complete. */
static void note_failure(struct cell *c, enum err e)
{
	struct suite *s = c->suite;

	if (e == ERR_REFUSED) {
		s->interrupted = true;
		return;
	}
	progress_say(&s->progress, "  FAILED  %s, %s: %s", c->scenario->name,
		     c->target->name,
		     c->rig.failure[0] ? c->rig.failure : err_text(e));
	for (size_t i = 0; i < c->scenario->variant_count; i++) {
		struct measurement *m = &c->measurements[i];

		if (!m->complete)
			measurement_fail(m, &c->rig);
	}
}

void cell_run(struct cell *c)
{
	unsigned starts = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < c->scenario->variant_count; i++) {
		const double *v = c->measurements[i].values;

		c->planned += cell_planned(c->scenario, v);
		if ((unsigned)v[PARAM_STARTS] > starts)
			starts = (unsigned)v[PARAM_STARTS];
	}
	for (unsigned at = 0; at < starts && !e; at++) {
		rig_init(&c->rig, &c->suite->machine, &c->suite->interrupt,
			 &c->suite->runs);
		e = run_start(c, at);
		if (e)
			note_failure(c, e);
		rig_stop(&c->rig);
	}
	progress_done(&c->suite->progress, c->planned - c->accounted);
}

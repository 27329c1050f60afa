/* SPDX-License-Identifier: MIT */
/* Memory of a server with idle connections, less that before. */
#include <stdio.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"

#define WARM_CONNECTIONS 50 /* made and closed before memory is read */
#define CONNECT_S 0.3	    /* what starting and connecting takes, planned */

static double memory_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] * (CONNECT_S + 2 * v[PARAM_SETTLE_MS] / 1000);
}

static enum err memory_start(struct cell *c)
{
	enum err e = cell_start_server(c, SIDE_TARGET, c->target, NULL, "");

	return e ? e : rig_start_worker(&c->rig);
}

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
static enum err memory_run(struct cell *c, struct measurement *m,
			   unsigned start)
{
	struct memory_point point = {
		.connections = (uint32_t)m->values[PARAM_SUBSCRIBERS]};
	uint64_t settle = (uint64_t)m->values[PARAM_SETTLE_MS];
	struct sample before, after;
	enum err e;

	(void)start;
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

const struct method method_memory = {
	.against = AGAINST_NOTHING,
	.planned = memory_planned,
	.start = memory_start,
	.run = memory_run,
};

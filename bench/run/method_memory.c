/* SPDX-License-Identifier: MIT */
/* Memory of a server with idle connections, less that before. */
#include <math.h>
#include <stdio.h>

#include "bench/load/memory.h"
#include "bench/run/cell.h"
#include "bench/run/method.h"

#define WARM_CONNECTIONS 50 /* made and closed before memory is read */
#define STEPS 3		    /* readings after the first: a quarter, half, all */
#define CONNECT_S 0.3	    /* what starting and connecting takes, planned */

static double memory_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] * (CONNECT_S + v[PARAM_WATCH_MS] / 1000 +
				  (1 + STEPS) * v[PARAM_SETTLE_MS] / 1000);
}

static enum err memory_start(struct cell *c)
{
	enum err e = cell_start_server(c, SIDE_TARGET, c->target, "");

	return e ? e : rig_start_worker(&c->rig);
}

static enum err connect_idle(struct cell *c, int group, uint32_t n)
{
	struct load_target t = {.group = group, .subscribers = n};

	(void)snprintf(t.room, sizeof(t.room), "load-%d", group);
	return rig_connect(&c->rig, SIDE_TARGET, &t);
}

/* Memory with so many connections. */
struct reading {
	struct sample sample;
	double heap, kernel; /* bytes; NaN: not known */
};

static enum err take_reading(struct cell *c, uint64_t settle_ms,
			     struct reading *out)
{
	struct memory_kernel kernel;
	uint64_t heap;
	enum err e = rig_pause(&c->rig, settle_ms);

	if (!e)
		e = rig_sample(&c->rig, SIDE_TARGET, &out->sample);
	if (e)
		return e;
	out->heap = rig_heap(&c->rig, SIDE_TARGET, &heap) == ERR_OK
			    ? (double)heap
			    : (double)NAN;
	memory_kernel_read(&kernel);
	out->kernel = memory_kernel_bytes(&kernel);
	return ERR_OK;
}

/*
 * Growth by connections, over all readings. The kernel's is the whole host's,
 * and both ends of each connection are on it.
 */
static void observe_growth(struct measurement *m, const double *connections,
			   const struct reading *r)
{
	double heap[STEPS + 1], kernel[STEPS + 1];

	for (int i = 0; i <= STEPS; i++) {
		heap[i] = r[i].heap;
		kernel[i] = r[i].kernel / 2;
	}
	observe(&m->observations, "heap", UNIT_BYTES,
		memory_slope(connections, heap, STEPS + 1));
	observe(&m->observations, "kernel", UNIT_BYTES,
		memory_slope(connections, kernel, STEPS + 1));
}

/* What staying connected costs a second: heartbeats, and timers. */
static enum err watch(struct cell *c, struct measurement *m)
{
	struct sample before, after;
	double seconds;
	enum err e = rig_sample(&c->rig, SIDE_TARGET, &before);

	if (!e)
		e = rig_pause(&c->rig, (uint64_t)m->values[PARAM_WATCH_MS]);
	if (!e)
		e = rig_sample(&c->rig, SIDE_TARGET, &after);
	if (e)
		return e;
	after = sample_difference(&before, &after);
	seconds = (double)after.at_ns / 1e9;
	observe(&m->observations, "CPU/s", UNIT_NS,
		(double)after.cpu_ns / seconds / m->values[PARAM_SUBSCRIBERS]);
	return ERR_OK;
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
	const double connections[STEPS + 1] = {
		0, floor(point.connections / 4.0),
		floor(point.connections / 2.0), point.connections};
	uint64_t settle = (uint64_t)m->values[PARAM_SETTLE_MS];
	struct reading r[STEPS + 1];
	enum err e;

	(void)start;
	progress_step(&c->suite->progress, "%s: %s", c->scenario->name,
		      c->target->name);
	e = connect_idle(c, 0, WARM_CONNECTIONS);
	if (!e)
		e = rig_disconnect(&c->rig, 0);
	if (!e)
		e = take_reading(c, settle, &r[0]);
	for (int i = 1; i <= STEPS && !e; i++) {
		uint32_t more = (uint32_t)(connections[i] - connections[i - 1]);

		if (more > 0)
			e = connect_idle(c, i, more);
		if (!e)
			e = take_reading(c, settle, &r[i]);
	}
	if (e)
		return e;
	point.before = r[0].sample.rss_anon;
	point.after = r[STEPS].sample.rss_anon;
	measurement_memory(m, &point);
	observe_growth(m, connections, r);
	return m->values[PARAM_WATCH_MS] > 0 ? watch(c, m) : ERR_OK;
}

const struct method method_memory = {
	.against = AGAINST_NOTHING,
	.planned = memory_planned,
	.start = memory_start,
	.run = memory_run,
};

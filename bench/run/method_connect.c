/* SPDX-License-Identifier: MIT */
/*
 * Storms: as many connections as there are subscribers, opened as fast as the
 * worker can, next to as many at the baseline, in the order A B B A. A slice
 * is one storm, its units are connections.
 */
#include <math.h>
#include <stdio.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/pairs.h"

#define START_S 0.3   /* what starting takes, planned */
#define EACH_S 2e-4   /* what opening and closing one connection takes */
#define WARM_STORMS 2 /* of both sides, dropped */

static double storm_s(const double v[PARAM_COUNT])
{
	double fast = EACH_S * v[PARAM_SUBSCRIBERS];

	return v[PARAM_RAMP] > 0
		       ? fmax(fast, v[PARAM_SUBSCRIBERS] / v[PARAM_RAMP])
		       : fast;
}

static double connect_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] * START_S +
	       (v[PARAM_PAIRS] + WARM_STORMS * v[PARAM_STARTS]) * 2 *
		       storm_s(v);
}

static enum err storm(struct cell *c, struct measurement *m, int side,
		      struct rig_slice *out)
{
	struct load_target t = {
		.group = side,
		.subscribers = (uint32_t)m->values[PARAM_SUBSCRIBERS],
		.connect_rate = (uint32_t)m->values[PARAM_RAMP],
		.connect_pending = (uint32_t)m->values[PARAM_PENDING],
	};
	enum err e;

	(void)snprintf(t.room, sizeof(t.room), "load-%d", side);
	e = rig_storm(&c->rig, side, &t, out);
	return e ? e : rig_disconnect(&c->rig, side);
}

static enum err warm_up(struct cell *c, struct measurement *m)
{
	enum err e = ERR_OK;

	for (int i = 0; i < WARM_STORMS * SIDES && !e; i++) {
		struct rig_slice slice;

		rig_slice_init(&slice);
		e = storm(c, m, i % SIDES, &slice);
		rig_slice_release(&slice);
	}
	return e;
}

static enum err connect_run(struct cell *c, struct measurement *m,
			    unsigned start)
{
	double pair_s = 2 * storm_s(m->values);
	enum err e;

	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	e = warm_up(c, m);
	return e ? e : pairs_run(c, m, start, pair_s, storm);
}

const struct method method_connect = {
	.against = AGAINST_BASELINE,
	.primary = METRIC_SERVER_CPU,
	.planned = connect_planned,
	.start = method_start_pair,
	.run = connect_run,
};

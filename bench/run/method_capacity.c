/* SPDX-License-Identifier: MIT */
/*
 * How many subscribers a target can have with a percentile of the last
 * receiver's latency under a bound: their number is doubled until it fails,
 * then the space between is halved. A number passes when most of its trials
 * do, so that one hiccup decides nothing.
 */
#include <math.h>
#include <stdio.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "bench/run/probe.h"

#define START_S 0.3 /* what starting takes, planned */
#define EACH_S 3e-4 /* what connecting one subscriber takes */
#define STEPS_PLANNED 8
#define FINE 0.1 /* of the number found: the search ends there */
#define TRIALS 3

static double capacity_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] *
	       (START_S + STEPS_PLANNED * (2.5 * v[PARAM_SLICE_MS] / 1000 +
					   EACH_S * v[PARAM_MOST] / 4));
}

static enum err capacity_start(struct cell *c)
{
	enum err e = cell_start_server(c, SIDE_TARGET, c->target, "");

	return e ? e : rig_start_worker(&c->rig);
}

struct search {
	struct cell *cell;
	struct measurement *m;
	double passed_ns; /* the percentile where it passed last */
	bool bound;	  /* the worker was busy in a trial that failed */
};

/* One slice: whether it kept the bound. */
static enum err trial(struct search *s, bool *kept)
{
	struct measurement *m = s->m;
	struct load_plan plan = probe_plan(m, m->values[PARAM_SLICE_MS]);
	double bound_ns = m->values[PARAM_BOUND_MS] * 1e6, found;
	struct rig_slice slice;
	enum err e;

	plan.drain_ns = (uint64_t)(bound_ns * 4);
	e = probe_slice(s->cell, plan, SIDE_TARGET, &slice);
	measurement_hiccups(m, &slice);
	found = (double)hist_percentile(
		&slice.result.from_intended[RECEIPTS_LAST],
		m->values[PARAM_PERCENTILE]);
	*kept = !e && slice.valid && found > 0 && found <= bound_ns;
	if (*kept)
		s->passed_ns = found;
	else if (!e && slice.result.busy > MEASUREMENT_BUSY_MAX)
		s->bound = true;
	rig_slice_release(&slice);
	return e;
}

static enum err connect(struct search *s, uint32_t subscribers)
{
	struct load_target t = {
		.group = SIDE_TARGET,
		.subscribers = subscribers,
		.room = "load-1",
		.timeout_ns = (uint64_t)(s->m->values[PARAM_CONNECT_MS] * 1e6),
	};

	return rig_connect(&s->cell->rig, SIDE_TARGET, &t);
}

/* Two of three: the third is run only when it decides. */
static enum err passes(struct search *s, uint32_t subscribers, bool *out)
{
	int good = 0, bad = 0;
	enum err e = connect(s, subscribers);

	for (int i = 0; i < TRIALS && !e && good < 2 && bad < 2; i++) {
		bool kept;

		e = trial(s, &kept);
		good += kept;
		bad += !kept;
	}
	*out = good > bad;
	if (!e)
		e = rig_disconnect(&s->cell->rig, SIDE_TARGET);
	return e;
}

static enum err capacity_run(struct cell *c, struct measurement *m,
			     unsigned start)
{
	struct search s = {.cell = c, .m = m};
	uint32_t most = (uint32_t)m->values[PARAM_MOST];
	uint32_t good = 0, bad = 0;
	uint32_t next = (uint32_t)m->values[PARAM_SUBSCRIBERS];
	enum err e = ERR_OK;

	(void)start;
	while (!e && good < most &&
	       (bad == 0 || (double)(bad - good) > FINE * (double)bad)) {
		bool passed;

		progress_step(&c->suite->progress, "%s, %s: %s with %u",
			      c->scenario->name, m->variant->name,
			      c->target->name, next);
		e = passes(&s, next, &passed);
		if (e)
			break;
		if (passed)
			good = next;
		else
			bad = next;
		next = bad ? (good + bad) / 2 : good * 2;
		if (next > most)
			next = most;
		if (next <= good)
			break;
	}
	if (e)
		return e;
	observe(&m->observations, "clients", UNIT_COUNT, good);
	observe(&m->observations, "too many", UNIT_COUNT,
		bad ? (double)bad : (double)NAN);
	observe(&m->observations, "latency there", UNIT_NS,
		good ? s.passed_ns : (double)NAN);
	if (s.bound)
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "at least: the load worker was busy");
	else if (!bad)
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "at least: no more were tried");
	return ERR_OK;
}

const struct method method_capacity = {
	.against = AGAINST_NOTHING,
	.planned = capacity_planned,
	.start = capacity_start,
	.run = capacity_run,
};

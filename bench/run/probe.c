/* SPDX-License-Identifier: MIT */
#include "bench/run/probe.h"

#include <math.h>
#include <stdio.h>

#include "bench/load/syscalls.h"

#define MS 1000000ULL
#define FLAT 0.05 /* warm when two slices differ by less */
#define CAPACITY_SLICES 5
#define WARM_UP "in the warm-up"
#define FIRST_SLICES 40 /* at most, until a target had its deliveries */

int probe_server(const struct cell *c, int side)
{
	return c->method->against == AGAINST_ITSELF ? SIDE_TARGET : side;
}

/* In a closed loop nothing is intended to arrive at any time. */
static bool stamped(enum load_kind kind)
{
	return kind == LOAD_OPEN || kind == LOAD_RTT;
}

struct load_plan probe_plan(const struct measurement *m, double ms)
{
	const double *v = m->values;

	return (struct load_plan){
		.kind = m->variant->kind,
		.duration_ns = (uint64_t)(ms * (double)MS),
		.window = (uint32_t)v[PARAM_WINDOW],
		.rate = v[PARAM_RATE],
		.burst = (uint32_t)v[PARAM_BURST],
		.poisson = v[PARAM_POISSON] != 0,
		.seed = m->seed,
		.payload = (uint32_t)v[PARAM_PAYLOAD],
		.spin = v[PARAM_SPIN] != 0,
		.stamps = v[PARAM_STAMPS] != 0 && stamped(m->variant->kind),
		.frozen = (uint32_t)v[PARAM_FROZEN],
		.slow = (uint32_t)v[PARAM_SLOW],
		.slow_rate = (uint32_t)v[PARAM_SLOW_RATE],
		.churn = v[PARAM_CHURN],
		.drain_ns = (uint64_t)(v[PARAM_DRAIN_MS] * (double)MS),
	};
}

/* Against itself a target is compared with and without company. */
enum err probe_slice(struct cell *c, struct load_plan plan, int side,
		     struct rig_slice *out)
{
	plan.group = side;
	if (side != SIDE_TARGET && c->baseline == c->target) {
		plan.frozen = plan.slow = 0;
		plan.churn = 0;
	}
	rig_slice_init(out);
	return rig_run(&c->rig, probe_server(c, side), &plan, out);
}

/*
 * What the baseline can deliver: the best of some slices, since whatever
 * disturbs one makes it slower. Measured once per number of subscribers, so
 * that rates, which are fractions of it, are the same for all targets.
 */
static enum err find_capacity(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_WARMUP_MS] * 2);
	double subscribers = m->values[PARAM_SUBSCRIBERS], best = 0;
	enum err e = ERR_OK;

	if (c->suite->capacity_subscribers == subscribers)
		return ERR_OK;
	plan.kind = LOAD_CLOSED;
	plan.window = 1;
	for (int i = 0; i < CAPACITY_SLICES && !e; i++) {
		struct rig_slice slice;

		e = probe_slice(c, plan, SIDE_BASELINE, &slice);
		if (!e)
			measurement_aside(m, SIDE_BASELINE, &slice, WARM_UP);
		if (!e && slice.valid)
			best = fmax(best, metric_value(METRIC_RATE, &slice));
		rig_slice_release(&slice);
	}
	if (e)
		return e;
	c->suite->capacity = best;
	c->suite->capacity_subscribers = subscribers;
	return ERR_OK;
}

enum err probe_rate(struct cell *c, struct measurement *m)
{
	double *v = m->values;
	enum err e;

	if (m->variant->kind != LOAD_OPEN || v[PARAM_RATE] > 0)
		return ERR_OK;
	e = find_capacity(c, m);
	if (e)
		return e;
	v[PARAM_RATE] = v[PARAM_LOAD] * c->suite->capacity * v[PARAM_ROOMS] /
			v[PARAM_SUBSCRIBERS];
	if (v[PARAM_RATE] > 0)
		return ERR_OK;
	(void)snprintf(c->rig.failure, sizeof(c->rig.failure),
		       "the capacity of %s could not be measured",
		       c->baseline->name);
	return ERR_IO;
}

/*
 * A number of messages that is the same everywhere, so that digests can be
 * compared between targets; the system calls are counted on the way. Untimed.
 */
enum err probe_check(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, 0);
	pid_t pids[PROC_CHILDREN];
	int server = probe_server(c, SIDE_TARGET);
	size_t n = proc_pids(&c->rig.procs[server], pids, PROC_CHILDREN);
	struct syscalls calls;
	struct syscall_counts counts = {0};
	struct rig_slice slice;
	enum err opened, e;

	if (m->check.done)
		return ERR_OK;
	plan.messages = (uint64_t)m->values[PARAM_CHECK_MESSAGES];
	plan.split = true;
	opened = syscalls_open(&calls, pids, n);
	e = probe_slice(c, plan, SIDE_TARGET, &slice);
	if (!opened)
		syscalls_read(&calls, &counts);
	if (!e)
		measurement_check(m, &slice, opened ? calls.reason : NULL,
				  &counts, c->suite->machine.loopback_mtu);
	syscalls_close(&calls);
	rig_slice_release(&slice);
	return e;
}

/*
 * A server whose code is compiled while it runs looks flat long before it is
 * warm: it is given as many deliveries as it asks for, once for each start.
 */
static enum err deliver_first(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_WARMUP_MS]);
	enum err e = ERR_OK;
	double units = 0;

	if (plan.kind == LOAD_OPEN) {
		plan.kind = LOAD_CLOSED;
		plan.window = 1;
	}
	for (unsigned i = 0;
	     i < FIRST_SLICES && !e && !c->is_warm && units < c->target->warmup;
	     i++) {
		struct rig_slice slice;

		e = probe_slice(c, plan, SIDE_TARGET, &slice);
		if (!e)
			measurement_aside(m, SIDE_TARGET, &slice, WARM_UP);
		units += rig_slice_units(&slice);
		rig_slice_release(&slice);
	}
	c->is_warm = true;
	return e;
}

/* Drops slices of both sides until neither gets cheaper any more. */
enum err probe_warm_up(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_WARMUP_MS]);
	double last[SIDES] = {0};
	enum err e = deliver_first(c, m);

	if (e)
		return e;
	for (unsigned i = 0; i < (unsigned)m->values[PARAM_WARMUP_MAX]; i++) {
		bool flat = i > 0;

		for (int side = 0; side < SIDES; side++) {
			struct rig_slice slice;
			double cost;

			e = probe_slice(c, plan, side, &slice);
			cost = metric_value(METRIC_SERVER_CPU, &slice);
			if (!e)
				measurement_aside(m, side, &slice, WARM_UP);
			rig_slice_release(&slice);
			if (e)
				return e;
			/* NaN, from an empty slice, is not flat either. */
			if (!(fabs(cost - last[side]) <= FLAT * last[side]))
				flat = false;
			last[side] = cost;
		}
		if (flat)
			break;
	}
	return ERR_OK;
}

enum err probe_silence(struct cell *c, struct measurement *m)
{
	double ms = fmin(m->values[PARAM_SLICE_MS], PROBE_SILENCE_S * 1000);
	enum err e = ERR_OK;

	for (int side = SIDES - 1; side >= 0 && !e; side--) {
		struct load_plan plan = {
			.kind = LOAD_IDLE,
			.duration_ns = (uint64_t)(ms * (double)MS),
		};
		struct rig_slice slice;

		e = probe_slice(c, plan, side, &slice);
		if (!e)
			measurement_aside(m, side, &slice,
					  "behind the last slice");
		rig_slice_release(&slice);
		ms = 1;
	}
	return e;
}

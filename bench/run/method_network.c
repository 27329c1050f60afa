/* SPDX-License-Identifier: MIT */
/*
 * What arrives through a network that each variant describes (`link`): open
 * loop through a relay or a link of packets, everything started afresh for
 * each variant and start. That a protocol does not get through is a result.
 *
 * Through a relay the publisher connects past it, so that times are those of
 * the way to the subscribers, unless `publisher_behind`; through a link of
 * packets all is behind it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "bench/run/probe.h"
#include "servers/base/check.h"

#define START_S 0.8 /* servers, link and worker, planned */

static double network_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] *
	       (START_S + (v[PARAM_SLICE_MS] + v[PARAM_DRAIN_MS]) / 1000);
}

/* Each variant starts its own. */
static enum err network_start(struct cell *c)
{
	(void)c;
	return ERR_OK;
}

static enum err start_all(struct cell *c, const struct variant *v)
{
	bool packets = v->link && rig_link_is_packets(v->link);
	enum err e = ERR_OK;

	if (packets)
		e = cell_start_packets(c, v->link);
	if (!e)
		e = cell_start_server(c, SIDE_TARGET, c->target, "");
	if (!e && v->link && !packets)
		e = cell_start_relay(c, SIDE_TARGET, 0, v->link);
	return e ? e : rig_start_worker(&c->rig);
}

/* Whether nothing stands in the way: "--rtt 0" and no other condition. */
static bool is_clear(char *const *link)
{
	for (size_t i = 0; link && link[i]; i++) {
		if (strcmp(link[i], "--netns") == 0)
			continue;
		if (strcmp(link[i], "--rtt") != 0 || !link[i + 1] ||
		    strcmp(link[++i], "0") != 0)
			return false;
	}
	return true;
}

static enum err run_slice(struct cell *c, struct measurement *m)
{
	struct load_plan plan = probe_plan(m, m->values[PARAM_SLICE_MS]);
	struct rig_slice slice;
	enum err e;

	e = probe_slice(c, plan, SIDE_TARGET, &slice);
	if (!e) {
		observe_deliveries(m, &slice);
		observe_open(m, &slice);
		observe_latency(m, &slice);
		observe_cpu(m, &slice);
		observe_absences(m, &slice);
		observe_bytes(m, &slice);
	}
	rig_slice_release(&slice);
	return e;
}

static enum err network_run(struct cell *c, struct measurement *m,
			    unsigned start)
{
	struct load_target t = {
		.subscribers = (uint32_t)m->values[PARAM_SUBSCRIBERS],
		.reconnect = m->values[PARAM_RECONNECT] > 0,
		.forget = m->values[PARAM_RESUME] <= 0,
		.poll_ns = (uint64_t)(m->values[PARAM_POLL_MS] * 1e6),
		.fallback = true,
		.timeout_ns = (uint64_t)(m->values[PARAM_CONNECT_MS] * 1e6),
		.partial = m->values[PARAM_PARTIAL] > 0,
	};
	enum err e = start_all(c, m->variant);

	(void)start;
	c->rig.publisher_behind = m->values[PARAM_PUBLISHER_BEHIND] > 0;
	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	(void)snprintf(t.room, sizeof(t.room), "load-%d", SIDE_TARGET);
	t.group = SIDE_TARGET;
	if (e && m->variant->link && rig_link_is_packets(m->variant->link) &&
	    !c->rig.targets[SIDE_TARGET] && observe_no_link(m, &c->rig, e)) {
		rig_stop(&c->rig);
		return ERR_OK;
	}
	if (e)
		return e;
	e = rig_connect(&c->rig, SIDE_TARGET, &t);
	/* Where the link does nothing, it is the server that does not. */
	if (e && !is_clear(m->variant->link) &&
	    observe_refusal(m, &c->rig, e)) {
		rig_stop(&c->rig);
		return ERR_OK;
	}
	if (!e)
		e = run_slice(c, m);
	/* A failure is the caller's to read before it stops the rig. */
	if (!e)
		rig_stop(&c->rig);
	return e;
}

const struct method method_network = {
	.against = AGAINST_NOTHING,
	.planned = network_planned,
	.start = network_start,
	.run = network_run,
};

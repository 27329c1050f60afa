/* SPDX-License-Identifier: MIT */
/*
 * Clients that die without a word: a link of packets goes dark, and the
 * server's open sockets are counted until they are as few as before. Works for
 * any server, since it asks the kernel and not the server.
 */
#include <math.h>
#include <stdio.h>

#include "bench/load/sockets.h"
#include "bench/run/cell.h"
#include "bench/run/method.h"
#include "bench/run/observe.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define START_S 0.8 /* server, link and worker, planned */
#define STEP_MS 10

static double zombie_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] *
	       (START_S + (v[PARAM_SETTLE_MS] + v[PARAM_DRAIN_MS]) / 1000);
}

static enum err zombie_start(struct cell *c)
{
	(void)c;
	return ERR_OK;
}

static enum err count_sockets(struct cell *c, size_t *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&c->rig.procs[SIDE_TARGET], pids, PROC_CHILDREN);

	*out = sockets_of(pids, n);
	return rig_pause(&c->rig, 0);
}

/* What the server had open at three times. */
struct watched {
	size_t before, all; /* before anybody came, and with all of them */
	uint64_t dark_ns;   /* when the link went dark */
};

/* Until half of them, then all, are gone; or for as long as it may take. */
static enum err watch(struct cell *c, struct measurement *m,
		      const struct watched *w)
{
	uint64_t limit =
		w->dark_ns + (uint64_t)(m->values[PARAM_DRAIN_MS] * 1e6);
	uint64_t now = w->dark_ns, half = 0;
	size_t open = w->all;
	enum err e = ERR_OK;

	while (!e && now < limit && open > w->before) {
		e = rig_pause(&c->rig, STEP_MS);
		if (!e)
			e = count_sockets(c, &open);
		now = clock_ns(&clock_monotonic);
		if (!half && open <= (w->before + w->all) / 2)
			half = now - w->dark_ns;
	}
	if (e)
		return e;
	observe(&m->observations, "half found after", UNIT_NS,
		half ? (double)half : (double)NAN);
	observe(&m->observations, "all found after", UNIT_NS,
		open <= w->before ? (double)(now - w->dark_ns) : (double)NAN);
	if (open > w->before)
		(void)snprintf(m->outcome, sizeof(m->outcome),
			       "%zu of %zu connections still there after %.3g "
			       "s",
			       open - w->before, w->all - w->before,
			       m->values[PARAM_DRAIN_MS] / 1000);
	return ERR_OK;
}

/* The variant's arguments, and when the link goes dark. */
static enum err start_link(struct cell *c, const struct measurement *m,
			   uint64_t *dark_ns)
{
	char *const *args = m->variant->link;
	char *argv[SCENARIO_LINK_MAX + 4], after[32];
	size_t n = 0;

	(void)snprintf(after, sizeof(after), "%.0fms",
		       m->values[PARAM_SETTLE_MS]);
	argv[n++] = (char[]){"--netns"};
	for (size_t i = 0; args && args[i] && i < SCENARIO_LINK_MAX; i++)
		argv[n++] = args[i];
	argv[n++] = (char[]){"--black-hole"};
	argv[n++] = after;
	argv[n] = NULL;
	*dark_ns = clock_ns(&clock_monotonic) +
		   (uint64_t)(m->values[PARAM_SETTLE_MS] * 1e6);
	return cell_start_packets(c, argv);
}

static enum err zombie_run(struct cell *c, struct measurement *m,
			   unsigned start)
{
	struct load_target t = {
		.group = SIDE_TARGET,
		.subscribers = (uint32_t)m->values[PARAM_SUBSCRIBERS],
		.room = "load-1",
	};
	struct watched w = {0};
	uint64_t now;
	enum err e;

	(void)start;
	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	e = start_link(c, m, &w.dark_ns);
	if (e && observe_no_link(m, &c->rig, e)) {
		rig_stop(&c->rig);
		return ERR_OK;
	}
	if (!e)
		e = cell_start_server(c, SIDE_TARGET, c->target, "");
	if (!e)
		e = rig_start_worker(&c->rig);
	if (!e)
		e = count_sockets(c, &w.before);
	if (!e)
		e = rig_connect(&c->rig, SIDE_TARGET, &t);
	if (!e)
		e = count_sockets(c, &w.all);
	now = clock_ns(&clock_monotonic);
	if (!e && now < w.dark_ns)
		e = rig_pause(&c->rig, (w.dark_ns - now) / 1000000 + 1);
	if (!e)
		e = watch(c, m, &w);
	/* A failure is the caller's to read before it stops the rig. */
	if (!e)
		rig_stop(&c->rig);
	return e;
}

const struct method method_zombie = {
	.against = AGAINST_NOTHING,
	.planned = zombie_planned,
	.start = zombie_start,
	.run = zombie_run,
};

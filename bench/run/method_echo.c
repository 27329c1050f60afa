/* SPDX-License-Identifier: MIT */
/*
 * What a WebSocket puts around a text, each way: some texts to a server that
 * echoes them, whose bytes are counted. Bytes repeat, so that once is enough.
 */
#include <stdio.h>
#include <string.h>

#include "bench/load/echo.h"
#include "bench/run/cell.h"
#include "bench/run/method.h"

#define START_S 0.3 /* what starting takes, planned */

static double echo_planned(const double v[PARAM_COUNT])
{
	return v[PARAM_STARTS] * START_S;
}

static enum err echo_start(struct cell *c)
{
	return cell_start_server(c, SIDE_TARGET, c->target, "");
}

static enum err echo_measure(struct cell *c, struct measurement *m,
			     unsigned start)
{
	const struct proc *p = &c->rig.procs[SIDE_TARGET];
	struct echo_plan plan = {
		.host = p->host,
		.port = p->port,
		.path = c->target->path[0] ? c->target->path : "/ws",
		.texts = (uint32_t)m->values[PARAM_TEXTS],
		.size = (uint32_t)m->values[PARAM_TEXT],
	};
	struct echo_bytes bytes;
	char why[ECHO_WHY];
	enum err e;

	(void)start;
	progress_step(&c->suite->progress, "%s, %s: %s", c->scenario->name,
		      m->variant->name, c->target->name);
	e = echo_run(&plan, &bytes, why);
	if (e) {
		(void)snprintf(c->rig.failure, sizeof(c->rig.failure),
			       "the echo of %s: %s", c->target->name, why);
		c->rig.culprit = SIDE_TARGET;
		return e;
	}
	observe(&m->observations, "up", UNIT_BYTES,
		(double)bytes.up / plan.texts - plan.size);
	observe(&m->observations, "down", UNIT_BYTES,
		(double)bytes.down / plan.texts - plan.size);
	return ERR_OK;
}

static bool echo_possible(const struct target *t)
{
	return strcmp(t->dialect, "ws") == 0;
}

const struct method method_echo = {
	.against = AGAINST_NOTHING,
	.possible = echo_possible,
	.planned = echo_planned,
	.start = echo_start,
	.run = echo_measure,
};

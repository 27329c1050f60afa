/* SPDX-License-Identifier: MIT */
#include "bench/run/cell.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/load/descriptors.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

/* Planning */

double cell_planned(const struct scenario *s, const double values[PARAM_COUNT])
{
	return method_of(s)->planned(values);
}

bool cell_possible(const struct scenario *s, const struct target *t)
{
	const struct method *method = method_of(s);

	if (s->targets ? !scenario_names(s, t->name) : t->guest)
		return false;
	/* What it does not ask for in time is lost: that has to be wanted. */
	if (target_polls(t) && !s->params[PARAM_POLL_MS].declared)
		return false;
	return !method->possible || method->possible(t);
}

/* Operations */

static enum err log_path(const struct cell *c, const struct target *t,
			 const char *role, char path[PATH_MAX])
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%.64s%s.log", t->name, role);
	return path_join(path, PATH_MAX, c->suite->folder, name);
}

enum err cell_start_server(struct cell *c, int index, const struct target *t,
			   const char *role)
{
	char path[PATH_MAX];
	enum err e = log_path(c, t, role, path);

	return e ? e
		 : rig_start_server(&c->rig, index, t, c->server,
				    c->suite->home, path);
}

enum err cell_start_relay(struct cell *c, int server, int port,
			  char *const *args)
{
	char path[PATH_MAX];
	enum err e = log_path(c, c->target, "-link", path);

	return e ? e
		 : rig_start_relay(&c->rig, server, port, args, c->suite->home,
				   path);
}

enum err cell_start_packets(struct cell *c, char *const *args)
{
	char path[PATH_MAX];
	enum err e = log_path(c, c->target, "-link", path);

	return e ? e : rig_start_packets(&c->rig, args, c->suite->home, path);
}

/* Whether a variant takes part in start `at`. */
static bool takes_part(const struct cell *c, const struct measurement *m,
		       unsigned at)
{
	if (m->earlier)
		return false;
	return at < (unsigned)m->values[PARAM_STARTS] ||
	       until_wants(&c->suite->until, m);
}

/* Variants with other numbers of load workers do not share connections. */
static enum err take_workers(struct cell *c, const struct measurement *m)
{
	c->rig.workers = (uint32_t)m->values[PARAM_WORKERS];
	if (!c->rig.team || team_size(c->rig.team) == c->rig.workers)
		return ERR_OK;
	rig_stop_worker(&c->rig);
	c->is_connected = false;
	return rig_start_worker(&c->rig);
}

static bool same_arguments(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Nor do those whose servers have other arguments share servers. */
static enum err take_server(struct cell *c, const struct measurement *m)
{
	char *const *server = m->variant->server;

	if (same_arguments(c->server, server))
		return ERR_OK;
	c->server = server;
	if (!c->rig.targets[SIDE_TARGET])
		return ERR_OK;
	rig_stop(&c->rig);
	c->is_connected = false;
	c->is_warm = false;
	return c->method->start(c);
}

static enum err run_variant(struct cell *c, struct measurement *m, unsigned at)
{
	unsigned starts = (unsigned)m->values[PARAM_STARTS];
	enum err e;

	m->complete = at + 1 >= starts;
	e = take_server(c, m);
	if (!e)
		e = take_workers(c, m);
	if (!e)
		e = c->method->run(c, m, at);
	/* What was planned is complete, also when more than that is cut. */
	if (e && (e != ERR_REFUSED || at < starts))
		m->complete = false;
	if (e)
		return e;
	if (until_asked(&c->suite->until))
		measurement_conclude(m);
	if (m->complete && !until_wants(&c->suite->until, m))
		suite_finish(c->suite, m);
	return c->suite->stopped ? ERR_REFUSED : ERR_OK;
}

/*
 * A server inherits our limit of descriptors, so it is raised before it starts,
 * as far as that is allowed. Connecting tells when it was not enough.
 */
static void descriptors_for(const struct cell *c)
{
	double most = 0;

	for (size_t i = 0; i < c->scenario->variant_count; i++)
		most = fmax(most, c->measurements[i].values[PARAM_SUBSCRIBERS]);
	(void)descriptors_raise((uint64_t)most + 2 * DESCRIPTORS_SPARE);
}

static enum err run_start(struct cell *c, unsigned at)
{
	size_t n = c->scenario->variant_count;
	enum err e;

	c->is_connected = false;
	c->is_warm = false;
	c->server = c->measurements[0].variant->server;
	c->rig.workers = (uint32_t)c->measurements[0].values[PARAM_WORKERS];
	descriptors_for(c);
	e = c->method->start(c);
	for (size_t i = 0; i < n && !e; i++) {
		if (takes_part(c, &c->measurements[i], at))
			e = run_variant(c, &c->measurements[i], at);
	}
	return e;
}

/* A failure touches every variant that is not complete. */
static void note_failure(struct cell *c, enum err e)
{
	struct suite *s = c->suite;

	if (e == ERR_REFUSED) {
		s->interrupted = !s->stopped;
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

/* Going on until intervals are narrow */

/* Seconds of one start of a variant. */
static double start_s(const struct cell *c, const struct measurement *m)
{
	return cell_planned(c->scenario, m->values) / m->values[PARAM_STARTS];
}

/*
 * What it takes, from the scatter seen so far: a guess, which few pairs do not
 * allow, and of which no more than what is left of the time will come true.
 */
static void expectation(const struct cell *c, const struct measurement *m,
			double left_s, char *into, size_t size)
{
	bool pairs = m->pairs > 0;
	size_t seen = pairs ? m->pairs : m->point_count;
	double each =
		pairs ? m->values[PARAM_PAIRS] / m->values[PARAM_STARTS] : 1;
	double more =
		ceil((until_factor(&c->suite->until, m) - 1) * (double)seen);
	double seconds = more / fmax(each, 1) * start_s(c, m);

	if (seen < (pairs ? UNTIL_SEEN_MIN : UNTIL_STARTS_MIN))
		(void)snprintf(into, size, "how many more is not known yet");
	else if (seconds > left_s)
		(void)snprintf(into, size,
			       "more than fits in the %.1f min that "
			       "--until-max leaves it",
			       left_s / 60);
	else
		(void)snprintf(into, size, "about %.0f more, %.1f min", more,
			       seconds / 60);
}

static void tell(struct cell *c, const struct measurement *m, double left_s)
{
	char what[160], more[96];

	until_describe(&c->suite->until, m, what, sizeof(what));
	expectation(c, m, left_s, more, sizeof(more));
	progress_say(&c->suite->progress,
		     "  UNTIL   %s, %s, %s: %s after %zu %s; %s",
		     c->scenario->name, m->variant->name, c->target->name, what,
		     m->pairs > 0 ? m->pairs : m->point_count,
		     m->pairs > 0 ? "pairs" : "starts", more);
}

/*
 * Whether there is another start. The time for such starts is shared by the
 * cells as the planned one is; what one leaves over is the next one's.
 */
static bool goes_on(struct cell *c)
{
	struct suite *s = c->suite;
	double allowed = s->until.max_s * s->begun_s / s->planned_s, next = 0;
	bool wanted = false;

	if (!until_asked(&s->until) || s->interrupted || s->stopped)
		return false;
	for (size_t i = 0; i < c->scenario->variant_count; i++) {
		const struct measurement *m = &c->measurements[i];

		if (m->earlier || !until_wants(&s->until, m))
			continue;
		wanted = true;
		next += start_s(c, m);
		tell(c, m, allowed - s->more_s);
	}
	if (!wanted)
		return false;
	if (s->more_s + next > allowed) {
		progress_say(&s->progress,
			     "  UNTIL   %s, %s: its share of the time "
			     "(--until-max) is over",
			     c->scenario->name, c->target->name);
		return false;
	}
	c->planned += next;
	progress_more(&s->progress, next, allowed - s->more_s);
	return true;
}

static enum err run_one(struct cell *c, unsigned at)
{
	enum err e;

	rig_init(&c->rig, &c->suite->machine, c->suite->interrupt,
		 &c->suite->runs);
	c->rig.meters = &c->suite->meters;
	e = run_start(c, at);
	if (e)
		note_failure(c, e);
	rig_stop(&c->rig);
	return e;
}

/* All that was planned so far is behind it. */
static void settle(struct cell *c)
{
	progress_done(&c->suite->progress, c->planned - c->accounted);
	c->accounted = c->planned;
}

void cell_run(struct cell *c)
{
	unsigned starts = 0, at = 0;
	enum err e = ERR_OK;

	c->method = method_of(c->scenario);
	for (size_t i = 0; i < c->scenario->variant_count; i++) {
		const double *v = c->measurements[i].values;

		if (c->measurements[i].earlier)
			continue;
		c->planned += cell_planned(c->scenario, v);
		if ((unsigned)v[PARAM_STARTS] > starts)
			starts = (unsigned)v[PARAM_STARTS];
	}
	c->suite->begun_s += c->planned;
	while (!e && at < starts)
		e = run_one(c, at++);
	settle(c);
	while (!e && goes_on(c)) {
		uint64_t begun = clock_ns(&clock_monotonic);

		e = run_one(c, at++);
		c->suite->more_s +=
			(double)(clock_ns(&clock_monotonic) - begun) / 1e9;
		settle(c);
		progress_more(&c->suite->progress, 0, 0);
	}
	settle(c);
}

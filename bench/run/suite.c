/* SPDX-License-Identifier: MIT */
#include "bench/run/suite.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/cell.h"
#include "bench/run/proc.h"
#include "servers/base/check.h"

static void values_of(const struct suite *s, const struct scenario *scenario,
		      const struct variant *v, double out[PARAM_COUNT])
{
	scenario_values(scenario, v, s->size, &s->set, out);
}

static bool named(const cJSON *m, const char *key, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(m, key);

	return cJSON_IsString(item) && strcmp(item->valuestring, name) == 0;
}

/* What an earlier run has of it, if that is complete. */
static const cJSON *earlier_of(const struct suite *s,
			       const struct scenario *scenario,
			       const struct variant *v, const struct target *t)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, s->earlier)
	{
		if (named(m, "scenario", scenario->name) &&
		    named(m, "variant", v->name) &&
		    named(m, "target", t->name) &&
		    cJSON_IsTrue(
			    cJSON_GetObjectItemCaseSensitive(m, "complete")))
			return m;
	}
	return NULL;
}

/* Of those that will be run. */
struct expected {
	double seconds, pairs;
	size_t count;
};

static void expect(const struct suite *s, const struct scenario *scenario,
		   const struct target *t, struct expected *out)
{
	double values[PARAM_COUNT];

	if (!cell_possible(scenario, t))
		return;
	for (size_t v = 0; v < scenario->variant_count; v++) {
		const struct variant *variant = &scenario->variants[v];

		if (earlier_of(s, scenario, variant, t))
			continue;
		values_of(s, scenario, variant, values);
		out->seconds += cell_planned(scenario, values);
		out->count++;
		if (method_of(scenario)->against != AGAINST_NOTHING &&
		    values[PARAM_PAIRS] > out->pairs)
			out->pairs = values[PARAM_PAIRS];
	}
}

static struct expected expected_of(const struct suite *s)
{
	struct expected all = {0};

	for (size_t i = 0; i < s->scenario_count; i++) {
		for (size_t t = 0; t < s->target_count; t++)
			expect(s, &s->scenarios[i], &s->targets[t], &all);
	}
	return all;
}

double suite_planned(const struct suite *s)
{
	return expected_of(s).seconds;
}

size_t suite_expected(const struct suite *s, double *pairs)
{
	struct expected all = expected_of(s);

	*pairs = all.pairs;
	return all.count;
}

/* What the pairs of a measurement are compared with. */
static const struct target *baseline_of(const struct suite *s,
					const struct scenario *scenario,
					const struct target *t)
{
	const char *name = scenario->baseline;

	switch (method_of(scenario)->against) {
	case AGAINST_NOTHING:
		return NULL;
	case AGAINST_ITSELF:
		return t;
	case AGAINST_BASELINE:
		break;
	}
	if (name && strcmp(name, SCENARIO_SELF) == 0)
		return t;
	for (size_t i = 0; name && i < s->target_count; i++) {
		if (strcmp(s->targets[i].name, name) == 0)
			return &s->targets[i];
	}
	return &s->targets[0];
}

void suite_finish(struct suite *s, struct measurement *m)
{
	if (m->told)
		return;
	m->told = true;
	measurement_conclude(m);
	if (s->finished && !s->finished(s->context, s, m))
		s->stopped = true;
}

/*
 * The rate of an open loop is a share of what bare could deliver: what the
 * earlier run found holds for those that it left out, too.
 */
static void restore_capacity(struct suite *s, const struct measurement *m)
{
	const double *v = m->values;

	if (m->variant->kind != LOAD_OPEN || v[PARAM_RATE] <= 0 ||
	    m->variant->changes.set[PARAM_RATE] ||
	    m->scenario->params[PARAM_RATE].declared || v[PARAM_LOAD] <= 0)
		return;
	s->capacity = v[PARAM_RATE] * v[PARAM_SUBSCRIBERS] / v[PARAM_LOAD];
	s->capacity_subscribers = v[PARAM_SUBSCRIBERS];
}

/* Whether nothing is left to run of it. */
static bool prepare(struct suite *s, struct measurement *m)
{
	const cJSON *earlier =
		earlier_of(s, m->scenario, m->variant, m->target);

	m->seed = s->seed;
	values_of(s, m->scenario, m->variant, m->values);
	if (!earlier)
		return false;
	measurement_restore(m, cJSON_Duplicate(earlier, 1));
	restore_capacity(s, m);
	return true;
}

static void run_cell(struct suite *s, const struct scenario *scenario,
		     const struct target *t)
{
	struct cell c = {.suite = s, .scenario = scenario, .target = t};
	size_t n = scenario->variant_count, left = 0;

	c.baseline = baseline_of(s, scenario, t);
	s->measurements = xrealloc(s->measurements,
				   (s->count + n) * sizeof(*s->measurements));
	c.measurements = s->measurements + s->count;
	s->count += n;
	for (size_t i = 0; i < n; i++) {
		measurement_init(&c.measurements[i], scenario,
				 &scenario->variants[i], t, c.baseline);
		c.measurements[i].no_counts = s->no_counts;
		left += !prepare(s, &c.measurements[i]);
	}
	if (left > 0)
		cell_run(&c);
	for (size_t i = 0; i < n; i++)
		suite_finish(s, &c.measurements[i]);
}

/*
 * The same messages to as many subscribers must give the same digest on every
 * target, whatever each ledger says by itself.
 */
static void compare_digests(struct suite *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct measurement *first = &s->measurements[i];

		if (!first->check.done || !first->check.valid)
			continue;
		for (size_t j = i + 1; j < s->count; j++) {
			struct measurement *m = &s->measurements[j];

			if (m->variant != first->variant || !m->check.done ||
			    !m->check.valid ||
			    m->check.messages != first->check.messages ||
			    m->check.digest == first->check.digest)
				continue;
			m->check.valid = false;
			(void)strcpy(m->check.why,
				     "the digest is not that of the others");
			m->verdict = VERDICT_INCONCLUSIVE;
		}
	}
}

void suite_run(struct suite *s)
{
	CHECK(s->target_count > 0);
	proc_adopt();
	meters_start(&s->meters, &s->machine);
	s->planned_s = suite_planned(s);
	progress_init(&s->progress, s->quiet, s->planned_s);
	s->progress.events = s->events;
	for (size_t i = 0; i < s->scenario_count; i++) {
		for (size_t t = 0; t < s->target_count; t++) {
			if (!s->interrupted && !s->stopped &&
			    cell_possible(&s->scenarios[i], &s->targets[t]))
				run_cell(s, &s->scenarios[i], &s->targets[t]);
		}
	}
	meters_stop(&s->meters);
	compare_digests(s);
	progress_end(&s->progress);
}

void suite_release(struct suite *s)
{
	for (size_t i = 0; i < s->count; i++)
		measurement_release(&s->measurements[i]);
	meters_release(&s->meters);
	free(s->measurements);
	s->measurements = NULL;
	s->count = 0;
}

bool suite_succeeded(const struct suite *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct measurement *m = &s->measurements[i];

		if (!m->complete || measurement_invalid(m))
			return false;
	}
	return true;
}

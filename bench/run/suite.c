/* SPDX-License-Identifier: MIT */
#include "bench/run/suite.h"

#include <stdlib.h>
#include <string.h>

#include "bench/run/cell.h"
#include "servers/base/check.h"

static void values_of(const struct suite *s, const struct scenario *scenario,
		      const struct variant *v, double out[PARAM_COUNT])
{
	scenario_values(scenario, v, s->size, &s->set, out);
}

double suite_planned(const struct suite *s)
{
	double sum = 0, values[PARAM_COUNT];

	for (size_t i = 0; i < s->scenario_count; i++) {
		const struct scenario *scenario = &s->scenarios[i];

		for (size_t v = 0; v < scenario->variant_count; v++) {
			values_of(s, scenario, &scenario->variants[v], values);
			for (size_t t = 0; t < s->target_count; t++) {
				if (cell_possible(scenario, &s->targets[t]))
					sum += cell_planned(scenario, values);
			}
		}
	}
	return sum;
}

/* What the pairs of a measurement are compared with. */
static const struct target *baseline_of(const struct suite *s,
					const struct scenario *scenario,
					const struct target *t)
{
	switch (scenario->method) {
	case METHOD_PAIRS:
		return &s->targets[0];
	case METHOD_CLIENT:
		return t;
	default:
		return NULL;
	}
}

static void run_cell(struct suite *s, const struct scenario *scenario,
		     const struct target *t)
{
	struct cell c = {.suite = s, .scenario = scenario, .target = t};
	size_t n = scenario->variant_count;

	c.baseline = baseline_of(s, scenario, t);
	s->measurements = xrealloc(s->measurements,
				   (s->count + n) * sizeof(*s->measurements));
	c.measurements = s->measurements + s->count;
	s->count += n;
	for (size_t i = 0; i < n; i++) {
		struct measurement *m = &c.measurements[i];

		measurement_init(m, scenario, &scenario->variants[i], t,
				 c.baseline);
		m->seed = s->seed;
		values_of(s, scenario, m->variant, m->values);
	}
	cell_run(&c);
	for (size_t i = 0; i < n; i++)
		measurement_conclude(&c.measurements[i]);
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
	machine_init(&s->machine);
	interrupt_init(&s->interrupt);
	progress_init(&s->progress, s->quiet, suite_planned(s));
	for (size_t i = 0; i < s->scenario_count && !s->interrupted; i++) {
		for (size_t t = 0; t < s->target_count && !s->interrupted;
		     t++) {
			if (cell_possible(&s->scenarios[i], &s->targets[t]))
				run_cell(s, &s->scenarios[i], &s->targets[t]);
		}
	}
	compare_digests(s);
	progress_end(&s->progress);
	interrupt_release(&s->interrupt);
}

void suite_release(struct suite *s)
{
	for (size_t i = 0; i < s->count; i++)
		measurement_release(&s->measurements[i]);
	free(s->measurements);
	s->measurements = NULL;
	s->count = 0;
}

bool suite_succeeded(const struct suite *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct measurement *m = &s->measurements[i];

		if (!m->complete || m->invalid > 0 ||
		    (m->check.done && !m->check.valid))
			return false;
	}
	return true;
}

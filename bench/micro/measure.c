/* SPDX-License-Identifier: MIT */
#include "bench/micro/measure.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "servers/base/check.h"

#define PASSES_MAX (1 << 20)

static uint64_t cpu_ns(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double slice(const struct row_work *w, unsigned passes)
{
	uint64_t start = cpu_ns();

	for (unsigned i = 0; i < passes; i++)
		w->pass(w->state);
	return (double)(cpu_ns() - start) / ((double)w->units * passes);
}

/* Passes that fill a slice; finding out warms caches and pools. */
static unsigned passes_of(const struct row_work *w, uint64_t slice_ns)
{
	unsigned passes = 1;

	while (slice(w, passes) * (double)w->units * passes <
		       (double)slice_ns &&
	       passes < PASSES_MAX)
		passes *= 2;
	return passes;
}

/* One pair at an even place runs A B, at an odd one B A. */
void measure_row(const struct row *r, const struct measure_plan *plan,
		 struct measured *out)
{
	const bool paired = r->work[ROW_BASELINE].pass != NULL;
	const size_t n = plan->pairs;
	double *ns[ROW_SIDES], *logs = xcalloc(n, sizeof(*logs));
	unsigned passes[ROW_SIDES] = {0};
	struct rng rng;

	*out = (struct measured){0};
	rng_seed(&rng, plan->seed);
	for (int side = 0; side < ROW_SIDES; side++) {
		ns[side] = xcalloc(n, sizeof(*ns[side]));
		if (paired || side == ROW_OURS)
			passes[side] =
				passes_of(&r->work[side], plan->slice_ns);
	}
	for (size_t i = 0; i < n; i++) {
		for (int at = 0; at < ROW_SIDES; at++) {
			int side = i % 2 ? 1 - at : at;

			if (passes[side] > 0)
				ns[side][i] =
					slice(&r->work[side], passes[side]);
		}
		logs[i] =
			paired ? log(ns[ROW_OURS][i] / ns[ROW_BASELINE][i]) : 0;
	}
	out->ns[ROW_OURS] = stats_interval(ns[ROW_OURS], n, &rng);
	if (paired) {
		out->ns[ROW_BASELINE] =
			stats_interval(ns[ROW_BASELINE], n, &rng);
		out->ratio = stats_ratio(logs, n, &rng);
	}
	for (int side = 0; side < ROW_SIDES; side++)
		free(ns[side]);
	free(logs);
}

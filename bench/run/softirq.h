/* SPDX-License-Identifier: MIT */
/*
 * Server CPU with the network's softirq given to the receivers, beside process
 * CPU: what stacks of sampled slices say of both sides of a measurement, and
 * what follows for cost and ratio. load/stacks.h has the model.
 */
#ifndef BENCH_RUN_SOFTIRQ_H
#define BENCH_RUN_SOFTIRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/stacks.h"
#include "bench/run/stats.h"

struct cJSON;

#define SOFTIRQ_SIDES 2 /* as a measurement has them */

struct softirq_side {
	struct stacks_end ends[STACKS_ENDS];
	bool charged;	      /* process CPU holds the softirq */
	struct figure factor; /* re-attributed by process CPU; count: samples */
};

struct softirq {
	bool done;
	char unsampled[192]; /* why nothing is known, or "" */
	struct softirq_side sides[SOFTIRQ_SIDES];
	struct figure ratio; /* of the re-attributed costs; from concluding */
};

/* Operations */
/*
 * One side's, from a slice that cost the server `cpu_ns`; for when
 * stacks_reason() says NULL.
 */
void softirq_take(struct softirq_side *into, const struct stacks *s,
		  uint64_t cpu_ns);
/* `ratio`: of process CPU, the second side's over the first one's. */
void softirq_conclude(struct softirq *s, const struct figure *ratio);

/* Queries */
/* Whether there are figures. */
bool softirq_known(const struct softirq *s);
/*
 * results/README.md has the members. `cpu_ns`: process CPU per unit of each
 * side, 0 when it was not measured. Returns owned.
 */
struct cJSON *softirq_to_json(const struct softirq *s,
			      const double cpu_ns[SOFTIRQ_SIDES]);

#endif

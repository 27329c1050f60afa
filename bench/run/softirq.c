/* SPDX-License-Identifier: MIT */
#include "bench/run/softirq.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "bench/run/perf.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

#define NORMAL_95 1.96

void softirq_take(struct softirq_side *into, const struct stacks *s,
		  uint64_t cpu_ns)
{
	struct stacks_factor f =
		stacks_factor(s, (double)cpu_ns / 1e9 * PERF_HZ);
	/* In logarithms, so that few samples do not reach below 0. */
	double by = exp(NORMAL_95 * f.error / f.value);

	for (int i = 0; i < STACKS_ENDS; i++)
		into->ends[i] = s->ends[i];
	into->charged = f.charged;
	into->factor = (struct figure){
		.value = f.value,
		.low = f.value / by,
		.high = f.value * by,
		.count = (size_t)s->ends[STACKS_SERVER].samples,
	};
}

/* All three are independent: the pairs, and a slice of either side. */
void softirq_conclude(struct softirq *s, const struct figure *ratio)
{
	struct figure change =
		stats_quotient(&s->sides[0].factor, &s->sides[1].factor);

	s->ratio = stats_quotient(ratio, &change);
}

bool softirq_known(const struct softirq *s)
{
	return s->done && !s->unsampled[0];
}

static void put_side(cJSON *sides, const char *key,
		     const struct softirq_side *s, double cpu_ns)
{
	cJSON *json = put_object(sides, key);
	struct figure cpu = {
		.value = s->factor.value * cpu_ns,
		.low = s->factor.low * cpu_ns,
		.high = s->factor.high * cpu_ns,
		.count = cpu_ns > 0 ? s->factor.count : 0,
	};

	put_number(json, "server_samples",
		   (double)s->ends[STACKS_SERVER].samples);
	put_number(json, "server_receiving",
		   (double)s->ends[STACKS_SERVER].receiving);
	put_number(json, "worker_samples",
		   (double)s->ends[STACKS_WORKER].samples);
	put_number(json, "worker_receiving",
		   (double)s->ends[STACKS_WORKER].receiving);
	put_bool(json, "charged", s->charged);
	put_figure(json, "factor", &s->factor);
	put_figure(json, "server_cpu_ns", &cpu);
}

struct cJSON *softirq_to_json(const struct softirq *s,
			      const double cpu_ns[SOFTIRQ_SIDES])
{
	cJSON *json = cJSON_CreateObject(), *sides;

	CHECK(json);
	put_text(json, "unsampled", s->unsampled);
	if (!softirq_known(s))
		return json;
	sides = put_object(json, "sides");
	put_side(sides, "baseline", &s->sides[0], cpu_ns[0]);
	put_side(sides, "target", &s->sides[1], cpu_ns[1]);
	put_figure(json, "ratio", &s->ratio);
	return json;
}

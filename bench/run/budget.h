/* SPDX-License-Identifier: MIT */
/*
 * The bounds that Pushmark's own backends keep to, as ratios to bare, and
 * whether the measurements at hand meet them.
 */
#ifndef BENCH_RUN_BUDGET_H
#define BENCH_RUN_BUDGET_H

#include <stddef.h>

#include "bench/run/measurement.h"

struct cJSON;

/*
 * An array with one object per bound that was measured as it is meant (1,000
 * subscribers, 128 bytes, STATS_PAIRS_MIN pairs): figure, target, bound,
 * value, low, high, state ("met", "missed", "undecided"). Returns owned.
 */
struct cJSON *budget_to_json(const struct measurement *list, size_t count);

#endif

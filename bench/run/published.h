/* SPDX-License-Identifier: MIT */
/*
 * Figures that others published beside those of a run: for each one that the
 * run's scenarios list, what was measured, the ratio, and why it differs.
 */
#ifndef BENCH_RUN_PUBLISHED_H
#define BENCH_RUN_PUBLISHED_H

#include <stddef.h>

#include "bench/run/scenario.h"

struct cJSON;

/* Queries */
/*
 * `measurements` is the array of run.json. Figures whose measurement is not
 * there are left out; one that could not be had has no "measured". Returns
 * owned: an array, empty when no scenario has any.
 */
struct cJSON *published_to_json(const struct scenario *scenarios, size_t count,
				const struct cJSON *measurements);

#endif

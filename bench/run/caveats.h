/* SPDX-License-Identifier: MIT */
/*
 * What a reader must know before believing a figure: as texts, those of one
 * measurement, and those of all.
 */
#ifndef BENCH_RUN_CAVEATS_H
#define BENCH_RUN_CAVEATS_H

#include "bench/run/machine.h"
#include "bench/run/measurement.h"
#include "bench/run/meters.h"

struct cJSON;

/* Arrays of texts; return owned. */
struct cJSON *caveats_of(const struct measurement *m);
struct cJSON *caveats_of_all(const struct machine *m,
			     const struct meters *meters);

#endif

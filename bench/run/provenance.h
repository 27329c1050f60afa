/* SPDX-License-Identifier: MIT */
/*
 * Where figures come from: host, kernel, settings, processor, versions,
 * compiler and commit, as members of an object. What cannot be found is null.
 */
#ifndef BENCH_RUN_PROVENANCE_H
#define BENCH_RUN_PROVENANCE_H

#include "bench/run/home.h"
#include "bench/run/machine.h"

struct cJSON;

/* Returns owned. */
struct cJSON *provenance_to_json(const struct home *h, const struct machine *m);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where figures come from: host, kernel, settings, processor, versions,
 * compiler and commit, as members of an object. What cannot be found is null.
 */
#ifndef BENCH_RUN_PROVENANCE_H
#define BENCH_RUN_PROVENANCE_H

#include "bench/run/home.h"
#include "bench/run/machine.h"
#include "bench/run/target.h"

struct cJSON;

/*
 * Asks each target that says how for its version: those that cannot be asked,
 * as they are not installed, have null. Returns owned.
 */
struct cJSON *provenance_to_json(const struct home *h, const struct machine *m,
				 const struct target *targets, size_t count);

#endif

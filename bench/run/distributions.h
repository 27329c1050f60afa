/* SPDX-License-Identifier: MIT */
/*
 * A measurement's latencies as files that HdrHistogram's tools read and plot:
 * hdr/SCENARIO-VARIANT-TARGET-WHAT.hgrm beside run.json, in milliseconds, of
 * all slices of the target that count. WHAT is the receiver (`first`,
 * `median`, `last` of each message, or `all`), from the intended time, or with
 * `-uncorrected` from the time of sending; or `ack`.
 */
#ifndef BENCH_RUN_DISTRIBUTIONS_H
#define BENCH_RUN_DISTRIBUTIONS_H

#include "bench/run/measurement.h"
#include "servers/base/err.h"

/* Operations */
/*
 * Writes those that `m` has into the folder, and notes their names in it.
 * ERR_IO, with errno as it is, leaves files behind that are not noted.
 */
MUST_USE enum err distributions_write(struct measurement *m,
				      const char *folder);
/*
 * Copies the files that the measurements of an earlier run name to another
 * folder, which must be another. What is not there any more is struck off the
 * document.
 */
void distributions_bring(struct cJSON *run, const char *from_folder,
			 const char *folder);

#endif

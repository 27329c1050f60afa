/* SPDX-License-Identifier: MIT */
/*
 * What several load workers measured of one group, put together to what one
 * would have said. Counts add up, and so do the ledgers and their digests
 * (ledger.h) and histograms of single receipts. The first, the median and the
 * last receiver of a message are those among all receivers: the trails
 * (trail.h) of all workers are gone through in the order of time, and each
 * receipt counted as if one worker had had it.
 */
#ifndef BENCH_LOAD_MERGE_H
#define BENCH_LOAD_MERGE_H

#include <stdint.h>

#include "bench/load/load.h"

struct board;

struct merge {
	const struct board *board;
	uint32_t parts;	      /* one for each seat of the board */
	const int *cpus;      /* of each part's worker; -1: any */
	uint32_t subscribers; /* of all parts */
	uint32_t rooms;	      /* 0 and 1: one */
};

/* Operations */
/* `into` must be initialised and empty. Part 0 is the leader's. */
void merge_connected(struct load_connected *into,
		     const struct load_connected *parts, uint32_t count);
/*
 * The same for results. If the parts do not fit each other, `into->error` says
 * so, as it does if one of them failed.
 */
void merge_results(struct load_result *into, const struct load_result *parts,
		   const struct merge *m);

#endif

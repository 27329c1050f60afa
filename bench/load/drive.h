/* SPDX-License-Identifier: MIT */
/*
 * Drives one slice: sends by the plan over a connected group, checks and
 * times every receipt, and says what it cost the worker. This is the load
 * worker's inner loop; a receipt costs tens of nanoseconds here.
 *
 * The receipt's time is read once per tick of the loop and again after every
 * few receipts, so it is late by less than that many receipts take.
 */
#ifndef BENCH_LOAD_DRIVE_H
#define BENCH_LOAD_DRIVE_H

#include "bench/load/group.h"
#include "bench/load/load.h"

/*
 * Runs the loop until the slice is over. The outcome, failure included, is in
 * *result, which is initialised and empty.
 */
void drive_run(struct group *g, const struct load_plan *plan,
	       struct load_result *result);

#endif

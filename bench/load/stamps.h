/* SPDX-License-Identifier: MIT */
/*
 * When the kernel had what the worker reads (SO_TIMESTAMPNS), beside when the
 * worker took note of it: the difference is the client's own lag. The kernel
 * stamps in CLOCK_REALTIME; it is turned into CLOCK_MONOTONIC by the
 * difference of both clocks at the start. If somebody sets the wall clock in
 * between, all stamps are dropped.
 *
 * The drive calls it for each receipt; between start and stop only.
 */
#ifndef BENCH_LOAD_STAMPS_H
#define BENCH_LOAD_STAMPS_H

#include <stdint.h>

#include "bench/load/hist.h"

struct client_env;

struct stamps {
	struct client_env *clients; /* NULL: not started */
	uint64_t real_ns;	    /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	struct hist kernel;	    /* intended to the kernel's stamp */
	struct hist lag;	    /* from there to the worker's */
	/* A run of equal values, recorded together. */
	uint64_t run_kernel, run_lag, run_count;
};

/* Life cycle */
void stamps_init(struct stamps *s);
void stamps_release(struct stamps *s);

/* Operations */
void stamps_start(struct stamps *s, struct client_env *clients);
/* A receipt out of the read at hand, noted at `now_ns`. */
void stamps_add(struct stamps *s, uint64_t intended_ns, uint64_t now_ns);
void stamps_stop(struct stamps *s); /* then the histograms are whole */

#endif

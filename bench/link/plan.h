/* SPDX-License-Identifier: MIT */
/*
 * What a link does to what passes, as the command line says it. Both forms
 * share it: the relay of connections and the one of packets.
 */
#ifndef BENCH_LINK_PLAN_H
#define BENCH_LINK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_NEVER UINT64_MAX

struct plan {
	uint64_t seed;
	uint64_t rtt_ns;
	uint64_t jitter_ns;	/* a round trip differs by up to this */
	uint64_t rate_bits;	/* a second, each way; 0: without limit */
	size_t queue;		/* bytes that may wait for the rate, each way */
	uint64_t black_hole_ns; /* nothing passes any more; PLAN_NEVER */

	/* The relay only */
	size_t window; /* bytes of a connection under way, each way */
	uint64_t cut_after_ns, cut_every_ns; /* PLAN_NEVER */
	uint64_t idle_ns;		     /* PLAN_NEVER */
	size_t hold;			     /* 0: does not buffer answers */
	size_t requests; /* of HTTP under way at once; 0: without limit */
	bool half_open, no_upgrade;

	/* Packets only */
	double loss, reorder; /* shares */
	int mtu;
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a server under test has cost so far, summed over its processes: costs.h
 * takes one sample before a slice and one after, and these are subtracted.
 * Counters only grow.
 */
#ifndef BENCH_LOAD_SAMPLE_H
#define BENCH_LOAD_SAMPLE_H

#include <stdint.h>

struct cJSON;

struct sample {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	uint64_t cpu_ns;
	uint64_t user_ticks, system_ticks; /* 10 ms: only for the split */
	uint64_t rss_anon;		   /* bytes */
	uint64_t rss;			   /* bytes, VmRSS */
	uint64_t switches_voluntary, switches_involuntary; /* all threads */
	uint32_t threads;
	/* What came and went; not in JSON. */
	uint64_t waited_ns; /* of cpu_ns, that of ended processes: in ticks */
	uint32_t lost;	    /* processes whose last CPU is not known */
	uint32_t ended;	    /* threads whose last switches are not known */
};

/* Queries */
/* Never below 0. */
struct sample sample_difference(const struct sample *before,
				const struct sample *after);
/*
 * CPU split by the ticks of `d`, a difference or a sum of differences (sum
 * them over many slices: one short slice has few ticks).
 */
void sample_split(const struct sample *d, uint64_t *user_ns,
		  uint64_t *system_ns);
void sample_add(struct sample *into, const struct sample *difference);

/* Members named as the fields; returns owned. */
struct cJSON *sample_to_json(const struct sample *s);

#endif

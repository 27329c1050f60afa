/* SPDX-License-Identifier: MIT */
/*
 * What a server under test has cost so far, summed over its processes, read
 * from outside: take one sample before a slice and one after, and subtract.
 *
 * CPU comes from the process CPU clocks (nanoseconds); its split into user
 * and system from /proc/PID/stat, whose times come from the same accounting
 * in ticks, scaled to the exact total. Memory is RssAnon: what the
 * processes allocated, without shared pages of files.
 */
#ifndef BENCH_LOAD_SAMPLE_H
#define BENCH_LOAD_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "servers/base/err.h"

struct cJSON;

struct sample {
	uint64_t at_ns;			   /* CLOCK_MONOTONIC */
	uint64_t cpu_ns;		   /* exact */
	uint64_t user_ticks, system_ticks; /* 10 ms: only for the split */
	uint64_t rss_anon;		   /* bytes */
	uint64_t rss;			   /* bytes, VmRSS */
	uint64_t switches_voluntary, switches_involuntary; /* all threads */
	uint32_t threads;
};

/* Operations */
/*
 * Reads now. ERR_NOTFOUND when one of the processes is gone; *out is then
 * undefined.
 */
MUST_USE enum err sample_take(const pid_t *pids, size_t count,
			      struct sample *out);

/* Queries */
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

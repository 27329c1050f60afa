/* SPDX-License-Identifier: MIT */
/*
 * What this process has cost so far; two readings make a difference.
 */
#ifndef BENCH_LOAD_USAGE_H
#define BENCH_LOAD_USAGE_H

#include <stdint.h>

struct usage {
	uint64_t cpu_ns; /* exact; the split comes from the kernel's ticks */
	uint64_t user_ns, system_ns;
	uint64_t switches_voluntary, switches_involuntary;
};

/* Queries */
void usage_read(struct usage *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where the memory of open connections is, beside what sample.h says of a
 * process: the allocator's part of it, and what the kernel holds for sockets,
 * which no process's figures show.
 *
 * The kernel's figures are those of the whole host. They hold both ends of
 * every connection on it, and whatever others do meanwhile: only differences
 * of two readings mean something.
 */
#ifndef BENCH_LOAD_MEMORY_H
#define BENCH_LOAD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "servers/base/err.h"

/* Bytes; what could not be read is not known. */
struct memory_kernel {
	bool slab_known, buffers_known;
	uint64_t slab;	  /* sockets, their files, what epoll keeps of them */
	uint64_t buffers; /* of TCP sockets, by whole pages */
};

/* Queries */
/*
 * Anonymous memory of [heap] and of maps without a name, of all of them
 * together. ERR_NOTFOUND when one is gone or does not let us look.
 */
MUST_USE enum err memory_heap(const pid_t *pids, size_t count, uint64_t *out);
/*
 * The most resident memory that each had since memory_peak_begin(), together;
 * that gives what they have now. Exact, as the kernel keeps it (VmHWM), and
 * with what maps files. ERR_NOTFOUND as above, or the kernel forgets no peak.
 */
MUST_USE enum err memory_peak_begin(const pid_t *pids, size_t count,
				    uint64_t *now);
MUST_USE enum err memory_peak(const pid_t *pids, size_t count, uint64_t *out);
void memory_kernel_read(struct memory_kernel *out);
/* Both parts; NaN when one is not known. */
double memory_kernel_bytes(const struct memory_kernel *k);
/* Of the line of least squares; NaN when all x are equal. */
double memory_slope(const double *x, const double *y, size_t n);

/* Reading the kernel's files: false when they do not hold what they should. */
bool memory_parse_smaps(FILE *f, uint64_t *heap);
bool memory_parse_status(FILE *f, uint64_t *peak);
bool memory_parse_slabinfo(FILE *f, uint64_t page, uint64_t *slab);
bool memory_parse_sockstat(FILE *f, uint64_t page, uint64_t *buffers);

#endif

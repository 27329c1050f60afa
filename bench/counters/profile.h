/* SPDX-License-Identifier: MIT */
/*
 * Reading a profile that callgrind wrote (its manual, "Callgrind Format
 * Specification"): the costs of functions themselves, without those that they
 * call, summed as we want them.
 *
 * The C library's and the loader's instructions stand apart: the library picks
 * variants of memcpy() and others by the processor, so that they do not repeat
 * on another machine. System calls are counted in whatever object they happen.
 */
#ifndef BENCH_COUNTERS_PROFILE_H
#define BENCH_COUNTERS_PROFILE_H

#include <stdint.h>
#include <stdio.h>

#include "servers/base/err.h"

struct profile {
	double instructions; /* of the program and its other libraries */
	double libc;	     /* of the C library and the loader */
	double calls;	     /* system calls */
	double writes; /* of those: write(), writev(), send(), sendmsg() */
};

/* Operations */
/*
 * Reads a whole profile that has the events Ir and sysCount. ERR_PROTO: it is
 * none, or has others; `*line` is then the number of the line that is wrong.
 */
MUST_USE enum err profile_read(FILE *from, struct profile *out, unsigned *line);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * User instructions per unit, which repeat where times do not: this program
 * runs itself under valgrind's callgrind, once for each side of a row.
 */
#ifndef BENCH_MICRO_COUNT_H
#define BENCH_MICRO_COUNT_H

#include <stddef.h>

#include "bench/micro/row.h"
#include "servers/base/err.h"

/* Operations */
/* ERR_IO with `message`: valgrind is not there or says nothing. */
MUST_USE enum err count_row(const struct row *r, double out[ROW_SIDES],
			    char *message, size_t size);
/* What the program does under callgrind: one pass to warm up, one to count. */
void count_here(const struct row *r, int side);

#endif

/* SPDX-License-Identifier: MIT */
/* Where the programs are, for tests that run them. */
#ifndef BENCH_RUN_TEST_PROGRAMS_H
#define BENCH_RUN_TEST_PROGRAMS_H

#include <limits.h>
#include <stdbool.h>

/*
 * The folder: $PUSHMARK_BIN, or that of the build that the test is from. False
 * when they are not there.
 */
bool test_programs(char into[PATH_MAX]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A bare server in a child process, for tests.
 */
#ifndef BENCH_LOAD_TEST_BARE_H
#define BENCH_LOAD_TEST_BARE_H

#include <sys/types.h>

struct test_bare {
	pid_t pid;
	int port;
};

void test_bare_start(struct test_bare *b);
int test_bare_stop(struct test_bare *b); /* by SIGTERM; its exit status */

#endif

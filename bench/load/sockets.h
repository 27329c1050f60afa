/* SPDX-License-Identifier: MIT */
/*
 * How many sockets processes have open, read from /proc: what a server holds,
 * whatever it says of itself.
 */
#ifndef BENCH_LOAD_SOCKETS_H
#define BENCH_LOAD_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* TCP segments so far, with and without data. */
struct socket_segments {
	uint64_t in, out;
};

/* Queries */
/* Of all of them together; a process that is gone has none. */
size_t sockets_of(const pid_t *pids, size_t count);
/* Of all TCP connections that this process has now. */
void sockets_segments(struct socket_segments *out);

#endif

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

/* Connections whose clients have the same address. */
struct socket_peers {
	uint32_t open; /* which the other end has not given up */
	/*
	 * That wait in the kernel, at both ends. What has arrived and is not
	 * acknowledged yet counts at both: for 40 ms, if nothing follows.
	 */
	uint64_t bytes;
};

/* Queries */
/* Of all of them together; a process that is gone has none. */
size_t sockets_of(const pid_t *pids, size_t count);
/* Of all TCP connections that this process has now. */
void sockets_segments(struct socket_segments *out);
/*
 * Of the connections over IPv4 that come from `source`, in this network
 * namespace, where both ends are.
 */
void sockets_peers(const char *source, struct socket_peers *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Counts the system calls of a server under test, and those among them that
 * write, by the kernel's own tracepoint raw_syscalls:sys_enter, two perf
 * counters per thread, without stopping or slowing it noticeably (about 0.1 us
 * a call). Where tracefs is
 * not mounted, root finds the tracepoint by a mount that only a child sees.
 * Where the kernel does not permit that, the counter is unavailable and says
 * why; nothing else changes.
 *
 * Counting costs a little: use it in slices that are not timed.
 *
 * Example:
 *	struct syscalls s;
 *	if (syscalls_open(&s, pids, 1) == ERR_OK) {
 *		...
 *		syscalls_read(&s, &calls);
 *		per_delivery = (double)calls.all / deliveries;
 *	} else {
 *		note(s.reason);
 *	}
 *	syscalls_close(&s);
 */
#ifndef BENCH_LOAD_SYSCALLS_H
#define BENCH_LOAD_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "servers/base/err.h"

struct syscalls {
	/* For each thread one of all calls and one of those that write. */
	int *fds;
	size_t count;
	char reason[128]; /* why it is unavailable, else "" */
};

struct syscall_counts {
	uint64_t all;
	uint64_t writes; /* write, writev, sendto, sendmsg, sendmmsg */
};

/* Life cycle */
/*
 * Starts counting for all present threads of the processes. ERR_REFUSED (not
 * permitted), ERR_NOTFOUND (no tracepoint, no such process), ERR_IO.
 * syscalls_close() is legal afterwards in every case.
 */
MUST_USE enum err syscalls_open(struct syscalls *s, const pid_t *pids,
				size_t count);
void syscalls_close(struct syscalls *s);

/* Queries */
/* Since the opening. */
void syscalls_read(const struct syscalls *s, struct syscall_counts *out);

#endif

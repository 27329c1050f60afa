/* SPDX-License-Identifier: MIT */
/*
 * Counts the system calls of a server under test by the kernel's own
 * tracepoint raw_syscalls:sys_enter, one perf counter per thread, without
 * stopping or slowing it noticeably (about 0.1 us a call). Where tracefs is
 * not mounted, root finds the tracepoint by a mount that only a child sees.
 * Where the kernel does not permit that, the counter is unavailable and says
 * why; nothing else changes.
 *
 * Counting costs a little: use it in slices that are not timed.
 *
 * Example:
 *	struct syscalls s;
 *	if (syscalls_open(&s, pids, 1) == ERR_OK) {
 *		before = syscalls_read(&s);
 *		...
 *		per_delivery = (syscalls_read(&s) - before) / deliveries;
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
	int *fds; /* one per thread */
	size_t count;
	char reason[128]; /* why it is unavailable, else "" */
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
uint64_t syscalls_read(const struct syscalls *s); /* calls since the opening */

#endif

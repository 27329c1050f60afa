/* SPDX-License-Identifier: MIT */
/*
 * A server under test as a process: started in a process group of its own (so
 * that Ctrl-C reaches us and not it), pinned, killed by the kernel when we
 * die, its output kept in a log file. Ready when its first line on standard
 * output is `listening on http://HOST:PORT`; later lines go to the log too.
 */
#ifndef BENCH_RUN_PROC_H
#define BENCH_RUN_PROC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"

struct cJSON;

#define PROC_TAIL 10	  /* lines of the log that a failure shows */
#define PROC_CHILDREN 64  /* processes of one server that are counted */
#define PROC_STOP_MS 5000 /* between SIGTERM and SIGKILL */

struct proc {
	pid_t pid; /* 0: not running */
	int out_fd;
	int log_fd;
	char log_path[PATH_MAX];
	struct buf line; /* standard output before it is ready */
	bool ready;
	char host[64];
	int port;
	bool ended;
	int status; /* of waitpid, once ended */
};

/* Life cycle */
/*
 * Starts it; it is not ready yet. `cpu` -1: not pinned. ERR_IO when it cannot
 * be started at all (proc_reason() says why); a missing program ends with
 * status 127 and a line in its log. Appends to the log.
 */
MUST_USE enum err proc_start(struct proc *p, char *const *argv,
			     const char *log_path, int cpu);
/*
 * SIGTERM to its group, SIGKILL after PROC_STOP_MS, also to what it is known to
 * have started elsewhere; reaps it. Legal when it has ended, was never started,
 * or p is all zero.
 */
void proc_stop(struct proc *p);

/*
 * From now on what a server started is ours when its parent ends, also in a
 * session of its own, so that proc_stop() and proc_sweep() find it. Not when
 * this process has children already: they would be taken for a server's.
 */
void proc_adopt(void);
/*
 * Ends what servers that are stopped have left. None of them, and nothing else
 * in a process group of its own, may be running. Without proc_adopt(): nothing.
 */
void proc_sweep(void);

/* Operations */
/*
 * Moves its output on, for at most `ms`: ERR_OK ready, ERR_AGAIN not yet,
 * ERR_CLOSED it ended, ERR_PROTO its first line is another one.
 */
MUST_USE enum err proc_wait_ready(struct proc *p, int ms);
/* Copies what it prints into the log and tells whether it still runs. */
bool proc_alive(struct proc *p);

/* Queries */
/* How it ended: "exited with status 1", "was killed by signal 11 (...)". */
void proc_reason(const struct proc *p, char *into, size_t size);
/* It and then its descendants, parents before children; returns how many, at
 * most `max`. */
size_t proc_pids(const struct proc *p, pid_t *into, size_t max);
/* The log's last PROC_TAIL lines as an array of texts; returns owned. */
struct cJSON *proc_log_tail(const char *log_path);

#endif

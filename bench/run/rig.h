/* SPDX-License-Identifier: MIT */
/*
 * What one measurement stands on: one or two running servers and a load
 * worker. Every wait of it looks at the servers, the worker and Ctrl-C, so
 * that none of them can hang or spoil the suite unnoticed.
 */
#ifndef BENCH_RUN_RIG_H
#define BENCH_RUN_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/load.h"
#include "bench/load/sample.h"
#include "bench/load/worker.h"
#include "bench/run/home.h"
#include "bench/run/interrupt.h"
#include "bench/run/machine.h"
#include "bench/run/proc.h"
#include "bench/run/target.h"
#include "servers/base/err.h"

#define RIG_SERVERS 2

struct rig {
	const struct machine *machine; /* borrowed */
	struct interrupt *interrupt;   /* borrowed */
	struct worker *worker;
	struct proc procs[RIG_SERVERS];
	const struct target *targets[RIG_SERVERS]; /* borrowed */
	uint64_t *runs;	   /* borrowed: names given to slices so far */
	char failure[512]; /* for a person: what went wrong, or "" */
	int culprit;	   /* the server that it is about, or -1 */
};

/* One slice, as it was. */
struct rig_slice {
	int server; /* index of the server that it loaded */
	struct load_result result;
	struct sample cost; /* of the server, over the slice */
	uint64_t rss_anon;  /* of the server, at its end */
	double foreign_s;   /* of others on the server's core */
	bool disturbed;
	bool valid;
	const char *why; /* it is not valid, else "" */
};

/*
 * Every operation: ERR_OK; ERR_REFUSED when Ctrl-C ends it; else it failed and
 * rig->failure and rig->culprit say how.
 */

/* Life cycle */
void rig_init(struct rig *r, const struct machine *m, struct interrupt *i,
	      uint64_t *runs);
/* Stops what runs; the rig can be used again. */
void rig_stop(struct rig *r);

/* Operations */
MUST_USE enum err rig_start_worker(struct rig *r);
/* Starts server `index` (its log is appended to) and waits until it is ready.
 */
MUST_USE enum err rig_start_server(struct rig *r, int index,
				   const struct target *t, const struct home *h,
				   const char *log_path);
/* `t` needs group, subscribers, room and raw; the rest is filled in. */
MUST_USE enum err rig_connect(struct rig *r, int server, struct load_target *t);
MUST_USE enum err rig_disconnect(struct rig *r, int group);
/* `p` without its run. `out` must be initialised with rig_slice_init(). */
MUST_USE enum err rig_run(struct rig *r, int server, struct load_plan *p,
			  struct rig_slice *out);
MUST_USE enum err rig_pause(struct rig *r, uint64_t ms);
MUST_USE enum err rig_sample(struct rig *r, int server, struct sample *out);

void rig_slice_init(struct rig_slice *s);
void rig_slice_release(struct rig_slice *s);

/* Queries */
/* Deliveries, or answers of an rtt slice: what costs are divided by. */
double rig_slice_units(const struct rig_slice *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What one measurement stands on: one or two running servers and the load
 * workers. Every wait of it looks at the servers, the workers and Ctrl-C, so
 * that none of them can hang or spoil the suite unnoticed.
 */
#ifndef BENCH_RUN_RIG_H
#define BENCH_RUN_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/costs.h"
#include "bench/load/load.h"
#include "bench/load/sample.h"
#include "bench/load/team.h"
#include "bench/run/home.h"
#include "bench/run/interrupt.h"
#include "bench/run/machine.h"
#include "bench/run/meters.h"
#include "bench/run/proc.h"
#include "bench/run/target.h"
#include "servers/base/err.h"

#define RIG_SERVERS 2
#define RIG_HOST "127.0.0.1" /* where servers listen */

/* Something that a method wants done while a slice is under way. */
struct rig_event {
	uint64_t at_ms; /* on the monotonic clock */
	enum err (*happen)(void *arg);
	void *arg;
};

struct rig {
	const struct machine *machine; /* borrowed */
	struct meters *meters;	       /* borrowed; NULL: none */
	struct interrupt *interrupt;   /* borrowed; NULL: none */
	uint32_t workers;	       /* to start; 0: 1 */
	struct team *team;
	struct proc procs[RIG_SERVERS];
	const struct target *targets[RIG_SERVERS]; /* borrowed */
	struct costs costs[RIG_SERVERS];	   /* since they started */
	/* What lies between worker and servers, while it runs. */
	struct proc link;
	bool linked;
	int behind; /* the server that the link is a relay to; -1: a link of
		       packets, to all */
	uint64_t way_ns;	/* what that relay may keep a request for */
	bool publisher_behind;	/* of a relay, as all others are */
	struct rig_event event; /* .happen NULL: none, or it has happened */
	uint64_t *runs;		/* borrowed: names given to slices so far */
	char failure[512];	/* for a person: what went wrong, or "" */
	int culprit;		/* the server that it is about, or -1 */
};

/* One slice, as it was. */
struct rig_slice {
	int server; /* index of the server that it loaded */
	struct load_result result;
	struct sample cost; /* of the server, over the slice */
	uint64_t rss_anon;  /* of the server, at its end */
	struct hist hiccups[METER_ROLES];
	double foreign_s; /* of others on the server's core */
	bool disturbed;
	bool valid;
	char why[LOAD_WHY]; /* it is not valid, else "" */
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
/* As many as `workers` says; rig_stop_worker() also drops all connections. */
MUST_USE enum err rig_start_worker(struct rig *r);
void rig_stop_worker(struct rig *r); /* legal when none runs */
/*
 * Starts server `index` (its log is appended to) and waits until it is ready.
 * `more` are arguments beside the target's own, NULL-terminated, or NULL.
 */
MUST_USE enum err rig_start_server(struct rig *r, int index,
				   const struct target *t, char *const *more,
				   const struct home *h, const char *log_path);
void rig_stop_server(struct rig *r, int index);
/*
 * Puts `pushmark link` with these arguments between worker and server. As a
 * relay (port 0: any) it comes after the server and before the worker connects;
 * as a link of packets it comes before both: servers then listen on its
 * address, and the worker lives behind it.
 */
MUST_USE enum err rig_start_relay(struct rig *r, int server, int port,
				  char *const *args, const struct home *h,
				  const char *log_path);
MUST_USE enum err rig_start_packets(struct rig *r, char *const *args,
				    const struct home *h, const char *log_path);
void rig_stop_link(struct rig *r);
/* `t` needs group, subscribers, room and raw; the rest is filled in. */
MUST_USE enum err rig_connect(struct rig *r, int server, struct load_target *t);
/*
 * The same as a slice: its units are the connections, its `ack` the time that
 * each took to be a member.
 */
MUST_USE enum err rig_storm(struct rig *r, int server, struct load_target *t,
			    struct rig_slice *out);
MUST_USE enum err rig_disconnect(struct rig *r, int group);
/* `p` without its run. `out` must be initialised with rig_slice_init(). */
MUST_USE enum err rig_run(struct rig *r, int server, struct load_plan *p,
			  struct rig_slice *out);
/*
 * The same without costs and checks, for a slice whose server does not live
 * through it.
 */
MUST_USE enum err rig_run_through(struct rig *r, struct load_plan *p,
				  struct rig_slice *out);
MUST_USE enum err rig_pause(struct rig *r, uint64_t ms);
/* Its counters are those since the server's first sample. */
MUST_USE enum err rig_sample(struct rig *r, int server, struct sample *out);
/* Of the server's memory, what its allocator has; see load/memory.h. */
MUST_USE enum err rig_heap(struct rig *r, int server, uint64_t *out);

/*
 * From now on, what the server has and the most that it has had, with what its
 * libraries map. ERR_NOTFOUND, without a failure, where the kernel does not
 * tell.
 */
MUST_USE enum err rig_peak_begin(struct rig *r, int server, uint64_t *now);
MUST_USE enum err rig_peak(struct rig *r, int server, uint64_t *out);

void rig_slice_init(struct rig_slice *s);
void rig_slice_release(struct rig_slice *s);

/* Queries */
/* Whether that link's arguments ask for one of packets. */
bool rig_link_is_packets(char *const *args);
/* Deliveries, or answers of an rtt slice: what costs are divided by. */
double rig_slice_units(const struct rig_slice *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What is known about one variant of one scenario on one target: every slice,
 * the totals of both sides, the log-ratios of neighbouring slices, and what
 * they say together. Made by the suite, ends in run.json (results/README.md).
 *
 * Side 0 is the baseline, side 1 the target.
 */
#ifndef BENCH_RUN_MEASUREMENT_H
#define BENCH_RUN_MEASUREMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/syscalls.h"
#include "bench/load/wire.h"
#include "bench/run/meters.h"
#include "bench/run/observations.h"
#include "bench/run/rig.h"
#include "bench/run/scenario.h"
#include "bench/run/softirq.h"
#include "bench/run/starts.h"
#include "bench/run/stats.h"
#include "bench/run/target.h"

/* With more of its pairs disturbed than this, a measurement has no verdict. */
#define MEASUREMENT_DISTURBED_MAX 0.25
/* A worker that uses more of its core is what limits what is measured. */
#define MEASUREMENT_BUSY_MAX 0.7

enum metric {
	METRIC_SERVER_CPU,     /* per delivery or answer */
	METRIC_WORKER_CPU,     /* the same of the load worker */
	METRIC_RATE,	       /* deliveries or answers per second */
	METRIC_LATENCY_MEDIAN, /* p50 over messages, median receiver */
	METRIC_LATENCY_LAST,   /* the same, last receiver */
	METRIC_LATENCY_TAIL,   /* p99 over all receipts */
	METRIC_ACK,	       /* p50 of publish to answer */
	METRICS
};

enum { SIDE_BASELINE, SIDE_TARGET, SIDES };

/* Sums over the slices of one side that count. */
struct tally {
	size_t slices;
	uint64_t messages;
	double units, seconds;
	struct sample cost;
	uint64_t worker_cpu_ns;
	double busy; /* sum of the shares of the slices */
	uint64_t bytes_in, bytes_out;
	uint64_t rss_anon; /* newest */
	struct ledger_totals ledger;
	struct hist from_intended[RECEIPTS_KINDS];
	struct hist from_sent[RECEIPTS_KINDS];
	struct hist ack, lag;
	struct hist kernel, client_lag; /* by the kernel's stamps */
};

/*
 * The slices of one side that are not valid, those included that are not timed:
 * warm-up, and the silence behind the last.
 */
struct faults {
	size_t slices;
	struct ledger_totals ledger;
};

/* The untimed slice before all others, on the target. */
struct check {
	bool done, valid;
	char why[LOAD_WHY];
	uint64_t messages, deliveries, digest;
	bool counted;	     /* the system calls could be counted */
	double syscalls;     /* per unit */
	double writes;	     /* of those, that write */
	char uncounted[128]; /* why not */
	/* Of what went over the wire, and what the protocol needs at least. */
	bool split, modelled;
	bool compressed; /* see wire.h for what payload is then */
	double segments; /* of TCP per unit, both ways, also without data */
	struct wire_bytes to_client, to_server;
	struct wire_bytes model_to_client, model_to_server;
};

/* One start of a server with idle connections. */
struct memory_point {
	uint64_t before, after; /* RssAnon, bytes */
	uint32_t connections;
};

struct measurement {
	const struct scenario *scenario; /* borrowed */
	const struct variant *variant;
	const struct target *target, *baseline; /* NULL: it has none */
	double values[PARAM_COUNT];
	bool complete;	/* all that was planned took place */
	bool no_counts; /* of histograms in the slices */
	uint64_t seed;

	struct cJSON *slices; /* owned: an array */
	struct tally tallies[SIDES];
	double *logs[METRICS]; /* of the pairs that count; NaN: not had */
	unsigned *starts;      /* in which each of those ran */
	size_t pairs, capacity;
	size_t disturbed; /* of the pairs that count */
	size_t repeated;  /* pairs that do not: they were run again */
	size_t invalid;	  /* pairs that do not: a slice was not valid */
	char invalid_why[LOAD_WHY + 64]; /* the first fault, and where */
	struct faults faults[SIDES];
	struct check check;
	struct softirq softirq;
	struct memory_point *points;
	size_t point_count;
	struct observations observations;
	double observed_busy; /* the worker's share of its core, most */
	struct hist hiccups[METER_ROLES]; /* over slices that count */
	char outcome[512]; /* what became of it, in words; "": nothing to say */
	struct cJSON *distributions; /* owned: what: file, or NULL */

	/* As an earlier run has it, which this one goes on with, or NULL. */
	struct cJSON *earlier; /* owned */
	bool told;	       /* that it is finished */

	char failure[512]; /* "" or what ended it */
	struct cJSON *log; /* owned: the end of the culprit's log, or NULL */

	/* What follows from it, by measurement_conclude(). */
	struct figure ratios[METRICS];
	struct figure memory; /* bytes per connection */
	enum stats_verdict verdict;
};

/* Life cycle */
void measurement_init(struct measurement *m, const struct scenario *s,
		      const struct variant *v, const struct target *target,
		      const struct target *baseline);
void measurement_release(struct measurement *m);

/* Operations */
/*
 * What --set, size and file say, before anything is measured. `mtu` of the
 * interface between server and worker, or 0.
 */
void measurement_check(struct measurement *m, const struct rig_slice *s,
		       const char *uncounted,
		       const struct syscall_counts *calls, int mtu);
/*
 * Two neighbouring slices, which ran at place `place` (even: the baseline
 * first). They are kept in any case. They do not count when one is not
 * valid, and not when one was disturbed and `may_repeat`: then the answer is
 * true, and the caller runs the pair again.
 */
MUST_USE bool measurement_pair(struct measurement *m,
			       const struct rig_slice pair[SIDES], size_t place,
			       unsigned start, bool may_repeat);
/*
 * A slice of `side` that is no pair's and is not timed, as `when` says ("in the
 * warm-up"): nothing of it is kept but what is wrong with its ledger.
 */
void measurement_aside(struct measurement *m, int side,
		       const struct rig_slice *s, const char *when);
/* Of a slice that is no pair's. */
void measurement_hiccups(struct measurement *m, const struct rig_slice *s);
void measurement_memory(struct measurement *m, const struct memory_point *p);
/* Notes the rig's failure, and the end of the culprit's log. */
void measurement_fail(struct measurement *m, const struct rig *r);
/*
 * Takes it from an earlier run's JSON (owned from now on) instead: its
 * figures, check, parameters and verdict, without slices.
 */
void measurement_restore(struct measurement *m, struct cJSON *takes);
/*
 * Figures and verdict, which is inconclusive when it would be about times or
 * rates and the client was the bottleneck. The interval's randomness follows
 * from m->seed.
 */
void measurement_conclude(struct measurement *m);

/* Queries */
/*
 * Whether anything that was delivered, to either side, in a slice that counts
 * or another one, was not what was sent, once and in order; that others used
 * the machine meanwhile is no excuse. Then there are figures, but no verdict
 * and no rank.
 */
bool measurement_invalid(const struct measurement *m);
const char *measurement_verdict_name(const struct measurement *m);
/*
 * Whether the load worker was the bottleneck on either side, or in an observed
 * slice, so that times and rates rank not. Of a restored one, as it was told.
 */
bool measurement_client_bound(const struct measurement *m);
/* By which starts they are; false: a pair or all of them lack the metric. */
bool measurement_starts(const struct measurement *m, enum metric metric,
			struct starts *out);
/* What the verdict is about. */
enum metric measurement_primary(const struct measurement *m);
/* Whether others are in the rooms besides those that are measured. */
bool measurement_has_company(const struct measurement *m);
const char *metric_name(enum metric m);
/* What a slice says about a metric; NaN when nothing. */
double metric_value(enum metric m, const struct rig_slice *s);
/* Return owned. */
struct cJSON *measurement_to_json(const struct measurement *m);
/* `counts`: with those of the histograms, by which slices can be merged. */
struct cJSON *measurement_slice_to_json(const struct rig_slice *s, bool counts);

#endif

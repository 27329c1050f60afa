/* SPDX-License-Identifier: MIT */
/*
 * `--until METRIC=5%`: intervals that a run goes on for. A measurement that
 * has the metric gets more starts until half of its 95 % interval is within
 * that share of the figure; one that does not have it is not concerned.
 */
#ifndef BENCH_RUN_UNTIL_H
#define BENCH_RUN_UNTIL_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/base/err.h"

struct cJSON;
struct measurement;

/* Name, metric of measurement.h, share that is asked for by default. */
#define UNTIL_LIST(X)                                                          \
	X("cpu", METRIC_SERVER_CPU, 0.05)                                      \
	X("client", METRIC_WORKER_CPU, 0.05)                                   \
	X("rate", METRIC_RATE, 0.05)                                           \
	X("p50", METRIC_LATENCY_MEDIAN, 0.10)                                  \
	X("last", METRIC_LATENCY_LAST, 0.10)                                   \
	X("p99", METRIC_LATENCY_TAIL, 0.20)                                    \
	X("ack", METRIC_ACK, 0.10)                                             \
	X("memory", METRICS, 0.05)

#define UNTIL_METRICS 8
#define UNTIL_STARTS_MIN 3 /* of memory; of pairs there are ten */
#define UNTIL_MAX_S 1800   /* that a run goes on for by default */

struct until {
	double goal[UNTIL_METRICS]; /* a share; 0: not asked for */
	double max_s;		    /* beyond what the size plans, in all */
};

/* Operations */
/*
 * Adds one METRIC or METRIC=SHARE% of the command line. ERR_USAGE with
 * `message`.
 */
MUST_USE enum err until_add(struct until *u, const char *text, char *message,
			    size_t size);

/* Queries; the measurement must be concluded. */
bool until_asked(const struct until *u);
/* Whether an interval of it is too wide still. */
bool until_wants(const struct until *u, const struct measurement *m);
/* How many times the observations so far that it takes in all; 1: enough. */
double until_factor(const struct until *u, const struct measurement *m);
/* "cpu within 8.1 % (5 %)", of those that are too wide. */
void until_describe(const struct until *u, const struct measurement *m,
		    char *into, size_t size);
/* [{"metric", "goal", "reached", "met"}, …]; returns owned, or NULL: none. */
struct cJSON *until_to_json(const struct until *u, const struct measurement *m);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * `--until METRIC=5%`: intervals that a run goes on for. A measurement that
 * has the metric gets more starts until half of its 95 % interval is within
 * that share of the figure; one that does not have it is not concerned.
 *
 * Who stops as soon as an interval is narrow stops when the scatter happens
 * to look small, and the interval that is left covers too little (91 to 93 %
 * of simulated runs instead of 95). So there is no look before
 * UNTIL_PAIRS_MIN pairs, and with n pairs the interval has to be narrower by
 * a factor of 1 + UNTIL_MARGIN / n: half of it with 20, nearly all of it with
 * many. Pairs that scatter by 8 or 31 %, whose autocorrelation is 0 to 0.4 and
 * that come in starts of 5 to 20 are stopped at intervals that cover 94 to
 * 96 % (until_test.c), for goals of 2 to 20 %. The price is about half as many
 * pairs again. Starts of memory, which scatter little and independently, have
 * a minimum only: 93 to 95 %.
 */
#ifndef BENCH_RUN_UNTIL_H
#define BENCH_RUN_UNTIL_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/base/err.h"

struct cJSON;
struct measurement;
struct scenario;

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
#define UNTIL_PAIRS_MIN 20 /* with fewer nothing is narrow */
#define UNTIL_STARTS_MIN 6 /* the same of memory */
#define UNTIL_MARGIN 20	   /* see above */
#define UNTIL_MAX_S 1800   /* that a run goes on for by default */
#define UNTIL_SEEN_MIN 6   /* pairs before what is lacking is guessed */

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
/* Whether one of the scenarios has each metric. ERR_USAGE with `message`. */
MUST_USE enum err until_check(const struct until *u, const struct scenario *all,
			      size_t count, char *message, size_t size);
/* What is asked for by default, "cpu 5, p50 10": for help. */
void until_defaults(char *into, size_t size);
/*
 * Whether an interval of it is too wide still, or has too few observations
 * to be believed narrow.
 */
bool until_wants(const struct until *u, const struct measurement *m);
/* How many times the observations so far that it takes in all; 1: enough. */
double until_factor(const struct until *u, const struct measurement *m);
/* "cpu within 8.1 % (5 %; 2.5 % with 20)", of those that are too wide. */
void until_describe(const struct until *u, const struct measurement *m,
		    char *into, size_t size);
/*
 * [{"metric", "goal", "asked", "reached", "met"}, …], `asked` being the goal
 * with as many observations; returns owned, or NULL: none.
 */
struct cJSON *until_to_json(const struct until *u, const struct measurement *m);

#endif

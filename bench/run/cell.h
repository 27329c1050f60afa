/* SPDX-License-Identifier: MIT */
/*
 * One scenario on one target: all its variants, over several starts of the
 * servers. The suite's inner part.
 */
#ifndef BENCH_RUN_CELL_H
#define BENCH_RUN_CELL_H

#include <stddef.h>

#include "bench/run/measurement.h"
#include "bench/run/method.h"
#include "bench/run/suite.h"

struct cell {
	struct suite *suite;
	const struct scenario *scenario;
	const struct target *target;
	const struct target *baseline;	  /* NULL: none */
	const struct method *method;	  /* set by cell_run() */
	struct measurement *measurements; /* one per variant */
	struct rig rig;
	/* More arguments for our own servers: the variant's at hand. */
	char *const *server;
	uint32_t connected; /* subscribers of each group */
	uint32_t connected_rooms;
	bool is_connected;
	bool is_warm; /* the target had the deliveries that it asks for */
	double planned, accounted; /* seconds, for the progress line */
};

/* Operations */
void cell_run(struct cell *c);
/*
 * For methods: start a server as number `index` of the rig, or a link (rig.h).
 * Their logs are named after the target and `role`, or "-link".
 */
MUST_USE enum err cell_start_server(struct cell *c, int index,
				    const struct target *t, const char *role);
MUST_USE enum err cell_start_relay(struct cell *c, int server, int port,
				   char *const *args);
MUST_USE enum err cell_start_packets(struct cell *c, char *const *args);

/* Queries */
/* Seconds that one variant takes with these values. */
double cell_planned(const struct scenario *s, const double values[PARAM_COUNT]);
/*
 * Whether the target takes part: the scenario wants it, and can (raw groups do
 * not poll, for example).
 */
bool cell_possible(const struct scenario *s, const struct target *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The hiccup meters (hiccup.h) of a run: one on the server's core, one on each
 * core that load workers take. What of a latency's tail is the machine's can
 * be told by them. The suite starts them, slices are read from them, and the
 * whole run is in run.json.
 *
 * A run does not depend on them. Where one cannot be had, or ends before its
 * time, there are none from then on, and `why` says so.
 */
#ifndef BENCH_RUN_METERS_H
#define BENCH_RUN_METERS_H

#include <stdint.h>

#include "bench/load/hist.h"
#include "bench/run/hiccup.h"
#include "bench/run/machine.h"

struct cJSON;

enum meter_role { METER_SERVER, METER_LOAD, METER_ROLES };

struct meters {
	struct hiccup server;
	struct hiccup load[MACHINE_WORKER_CPUS];
	uint32_t load_count; /* that were started */
	uint32_t load_used;  /* of those, that a slice had workers on */
	char why[128];	     /* there are none, or "" */
};

/* Life cycle */
void meters_start(struct meters *m, const struct machine *machine);
void meters_stop(struct meters *m); /* what they noted stays */
void meters_release(struct meters *m);

/* Operations */
/*
 * Adds the hiccups of a slice to those of both roles. The load's are those of
 * the cores that so many workers took. Nothing when there are no meters.
 */
void meters_read(struct meters *m, uint32_t workers, uint64_t from_ns,
		 uint64_t to_ns, struct hist into[METER_ROLES]);
/* CPU of the meter on the server's core so far. */
uint64_t meters_cpu_ns(struct meters *m);

/* Queries */
/* "server", "load" */
const char *meter_role_name(enum meter_role r);
/* The member "hiccups" with what is in `of`; not when there is nothing. */
void meters_put_slices(struct cJSON *object, const struct hist of[METER_ROLES]);
/* The same of the whole run so far, and why there are none. */
void meters_put_run(struct cJSON *object, const struct meters *m);

#endif

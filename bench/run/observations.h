/* SPDX-License-Identifier: MIT */
/*
 * What a method has to say beside pairs and memory: named figures with a
 * unit, each seen once or more (per start, per round), in the order in which
 * they first came. They are shown as the columns of the method's table.
 *
 * Example:
 *	observe(&m->observations, "recovered p50", UNIT_NS, 1.2e6);
 */
#ifndef BENCH_RUN_OBSERVATIONS_H
#define BENCH_RUN_OBSERVATIONS_H

#include <stddef.h>

#include "bench/run/stats.h"

struct cJSON;

enum unit {
	UNIT_COUNT,
	UNIT_NS,
	UNIT_BYTES,
	UNIT_PER_SECOND,
	UNIT_SHARE, /* 0 to 1 */
	UNIT_RATIO,
	UNIT_MBIT, /* 10^6 bits a second */
};

struct observation {
	char *name;
	enum unit unit;
	double *values;
	size_t count;
};

struct observations {
	struct observation *items;
	size_t count;
};

/* Life cycle */
void observations_release(struct observations *o); /* empty: all zero */

/* Operations */
/* One more value of `name`; NaN is none, but keeps the name's place. */
void observe(struct observations *o, const char *name, enum unit u,
	     double value);

/* Queries */
/* NULL when there is none of that name. */
const struct observation *observations_find(const struct observations *o,
					    const char *name);
/* Mean and Student's interval over the values. */
struct figure observation_figure(const struct observation *o);
/* [{"name","unit","value","low","high","count"}, …]; returns owned. */
struct cJSON *observations_to_json(const struct observations *o);

#endif

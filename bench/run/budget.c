/* SPDX-License-Identifier: MIT */
#include "bench/run/budget.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "bench/run/put.h"
#include "servers/base/check.h"

#define TAIL_MESSAGES 10000 /* sent past who does not read, in a slice */

enum kind {
	KIND_CPU,      /* server CPU against bare */
	KIND_SYSCALLS, /* counted, against bare's count */
	KIND_MEMORY,   /* bytes per idle connection */
	KIND_GROWTH,   /* CPU against bare at `variant`, against `other` */
	KIND_CLIENT,   /* worker CPU against a plain loop */
	KIND_TAIL,     /* p99 beside subscribers that do not read */
};

struct bound {
	enum kind kind;
	const char *figure;
	const char *scenario, *variant, *other;
	const char *target;
	double bound;
};

static const struct bound bounds[] = {
	{KIND_CPU, "server CPU per delivery, window 1, / bare", "fanout",
	 "window 1", NULL, "ws", 1.15},
	{KIND_CPU, "server CPU per delivery, window 1, / bare", "fanout",
	 "window 1", NULL, "sse", 1.15},
	{KIND_CPU, "server CPU per delivery, window 1, / bare", "fanout",
	 "window 1", NULL, "longpoll", 2.4},
	{KIND_SYSCALLS, "system calls per delivery, window 1, / bare", "fanout",
	 "window 1", NULL, "ws", 1.02},
	{KIND_SYSCALLS, "system calls per delivery, window 1, / bare", "fanout",
	 "window 1", NULL, "sse", 1.02},
	{KIND_CPU, "server CPU per delivery, window 16, / bare", "fanout",
	 "window 16", NULL, "ws", 0.18},
	{KIND_CPU, "server CPU per delivery, window 16, / bare", "fanout",
	 "window 16", NULL, "sse", 0.18},
	{KIND_CPU, "server CPU per delivery, window 16, / bare", "fanout",
	 "window 16", NULL, "longpoll", 0.6},
	{KIND_MEMORY, "user memory per idle connection, bytes", "idle",
	 "memory", NULL, "ws", 1024},
	{KIND_MEMORY, "user memory per idle connection, bytes", "idle",
	 "memory", NULL, "sse", 1024},
	{KIND_MEMORY, "user memory per idle connection, bytes", "idle",
	 "memory", NULL, "longpoll", 6144},
	{KIND_GROWTH, "growth of CPU per delivery, 100 to 9,000, / bare's",
	 "growth", "9,000", "100", "ws", 1.15},
	{KIND_GROWTH, "growth of CPU per delivery, 100 to 9,000, / bare's",
	 "growth", "9,000", "100", "sse", 1.15},
	{KIND_GROWTH, "growth of CPU per delivery, 100 to 9,000, / bare's",
	 "growth", "9,000", "100", "longpoll", 1.15},
	{KIND_CLIENT, "load worker's CPU per delivery / a recv() loop's",
	 "client", "window 1", NULL, "ws", 1.30},
	{KIND_CLIENT, "load worker's CPU per delivery / a recv() loop's",
	 "client", "window 1", NULL, "sse", 1.30},
	{KIND_CPU, "server CPU per delivery, window 16, deflated / plain",
	 "deflate", "window 16", NULL, "ws-deflate", 2},
	{KIND_CPU, "server CPU per delivery, window 1, upgraded / ws",
	 "upgraded", "window 1", NULL, "longpoll+upgrade", 1.05},
	{KIND_CPU, "server CPU per delivery, window 16, upgraded / ws",
	 "upgraded", "window 16", NULL, "longpoll+upgrade", 1.05},
	{KIND_CPU, "server CPU per delivery, window 1, / socketio-polling",
	 "polling", "window 1", NULL, "longpoll", 0.25},
	{KIND_TAIL, "p99 beside one that does not read / without it", "slow",
	 "disconnect", NULL, "ws", 1.5},
	{KIND_TAIL, "p99 beside one that does not read / without it", "slow",
	 "disconnect", NULL, "sse", 1.5},
};

struct measured {
	const struct measurement *list;
	size_t count;
};

static const struct measurement *find(const struct measured *all,
				      const char *scenario, const char *variant,
				      const char *target)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct measurement *m = &all->list[i];

		if (strcmp(m->scenario->name, scenario) == 0 &&
		    strcmp(m->variant->name, variant) == 0 &&
		    strcmp(m->target->name, target) == 0)
			return m;
	}
	return NULL;
}

/* Measured as the bound means it. */
static bool fits(const struct measurement *m, enum kind kind)
{
	if (!m || measurement_invalid(m))
		return false;
	if (kind == KIND_MEMORY)
		return m->point_count > 1 &&
		       m->values[PARAM_SUBSCRIBERS] == 1000;
	if (kind == KIND_TAIL)
		return m->values[PARAM_FROZEN] >= 1 &&
		       m->values[PARAM_RATE] * m->values[PARAM_SLICE_MS] >=
			       1000 * TAIL_MESSAGES &&
		       m->pairs >= STATS_PAIRS_MIN;
	if (m->values[PARAM_PAYLOAD] != 128)
		return false;
	if (kind != KIND_GROWTH && m->values[PARAM_SUBSCRIBERS] != 1000)
		return false;
	return kind == KIND_SYSCALLS || m->pairs >= STATS_PAIRS_MIN;
}

/* Counts repeat, so that they are their own interval. */
static struct figure exactly(double value)
{
	return (struct figure){value, value, value, 1};
}

static struct figure measure(const struct bound *b, const struct measured *all)
{
	const struct measurement *m =
		find(all, b->scenario, b->variant, b->target);
	const struct measurement *other = NULL;
	struct figure none = {0};

	if (!fits(m, b->kind))
		return none;
	if (b->kind == KIND_GROWTH)
		other = find(all, b->scenario, b->other, b->target);
	if (b->kind == KIND_SYSCALLS)
		other = find(all, b->scenario, b->variant, "bare");
	switch (b->kind) {
	case KIND_CPU:
		return m->ratios[METRIC_SERVER_CPU];
	case KIND_CLIENT:
		return m->ratios[METRIC_WORKER_CPU];
	case KIND_TAIL:
		return m->ratios[METRIC_LATENCY_TAIL];
	case KIND_MEMORY:
		return m->memory;
	case KIND_GROWTH:
		return fits(other, b->kind)
			       ? stats_quotient(
					 &m->ratios[METRIC_SERVER_CPU],
					 &other->ratios[METRIC_SERVER_CPU])
			       : none;
	case KIND_SYSCALLS:
		return m->check.counted && fits(other, b->kind) &&
				       other->check.counted &&
				       other->check.syscalls > 0
			       ? exactly(m->check.syscalls /
					 other->check.syscalls)
			       : none;
	}
	return none;
}

/* Nothing is decided by times that are the client's. */
static bool ranks(const struct bound *b, const struct measured *all)
{
	return b->kind != KIND_TAIL ||
	       !measurement_client_bound(
		       find(all, b->scenario, b->variant, b->target));
}

static const char *state_of(const struct figure *f, double bound, bool ranked)
{
	if (!ranked)
		return "undecided";
	if (f->high <= bound)
		return "met";
	return f->low > bound ? "missed" : "undecided";
}

struct cJSON *budget_to_json(const struct measurement *list, size_t count)
{
	const struct measured all = {list, count};
	cJSON *json = cJSON_CreateArray();

	CHECK(json);
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		const struct bound *b = &bounds[i];
		struct figure f = measure(b, &all);
		cJSON *row;

		if (f.count == 0)
			continue;
		row = cJSON_CreateObject();
		CHECK(cJSON_AddItemToArray(json, row));
		put_text(row, "figure", b->figure);
		put_text(row, "target", b->target);
		put_number(row, "bound", b->bound);
		put_number(row, "value", f.value);
		put_number(row, "low", f.low);
		put_number(row, "high", f.high);
		put_text(row, "state", state_of(&f, b->bound, ranks(b, &all)));
	}
	return json;
}

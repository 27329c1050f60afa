/* SPDX-License-Identifier: MIT */
/* A measurement out of the run.json of an earlier run. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/measurement.h"
#include "servers/base/check.h"

#define WHOLE_MAX 9007199254740992.0

static const cJSON *get(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number(const cJSON *object, const char *key)
{
	const cJSON *item = get(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* The document may have one beyond what the type holds. */
static uint64_t whole(const cJSON *object, const char *key)
{
	return (uint64_t)fmin(number(object, key), WHOLE_MAX);
}

static void text(const cJSON *object, const char *key, char *into, size_t size)
{
	const cJSON *item = get(object, key);

	(void)snprintf(into, size, "%s",
		       cJSON_IsString(item) ? item->valuestring : "");
}

static struct figure figure(const cJSON *object, const char *key)
{
	const cJSON *item = get(object, key);

	return (struct figure){number(item, "value"), number(item, "low"),
			       number(item, "high"), whole(item, "count")};
}

static void restore_check(struct check *c, const cJSON *json)
{
	char digest[32];

	if (!json)
		return;
	c->done = true;
	c->valid = cJSON_IsTrue(get(json, "valid"));
	text(json, "why", c->why, sizeof(c->why));
	c->messages = whole(json, "messages");
	c->deliveries = whole(json, "deliveries");
	text(json, "digest", digest, sizeof(digest));
	/* NOLINTNEXTLINE(cert-err34-c): no digest is 0, which equals none. */
	if (sscanf(digest, "%" SCNx64, &c->digest) != 1)
		c->digest = 0;
	c->counted = cJSON_IsNumber(get(json, "syscalls"));
	c->syscalls = number(json, "syscalls");
	c->writes = number(json, "writes");
	text(json, "uncounted", c->uncounted, sizeof(c->uncounted));
}

static void restore_faults(struct faults *f, const cJSON *json)
{
	f->slices = (size_t)number(json, "slices");
	/* One that cannot be read tells nothing but that there was one. */
	if (ledger_from_json(&f->ledger, get(json, "ledger")) != ERR_OK)
		f->ledger = (struct ledger_totals){0};
}

static void restore_points(struct measurement *m, const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		struct memory_point p = {
			.before = whole(item, "before"),
			.after = whole(item, "after"),
			.connections = (uint32_t)whole(item, "connections")};

		measurement_memory(m, &p);
	}
}

static enum stats_verdict verdict(const char *name)
{
	for (int v = 0; v < VERDICT_INCONCLUSIVE; v++) {
		if (strcmp(stats_verdict_name((enum stats_verdict)v), name) ==
		    0)
			return (enum stats_verdict)v;
	}
	return VERDICT_INCONCLUSIVE;
}

void measurement_restore(struct measurement *m, struct cJSON *takes)
{
	const cJSON *values = get(takes, "parameters");
	const cJSON *ratios = get(takes, "ratios");
	char name[32];

	m->earlier = takes;
	m->told = true;
	m->complete = cJSON_IsTrue(get(takes, "complete"));
	m->pairs = whole(takes, "pairs");
	m->disturbed = whole(takes, "pairs_disturbed");
	m->repeated = whole(takes, "pairs_repeated");
	m->invalid = whole(takes, "pairs_invalid");
	text(takes, "invalid_why", m->invalid_why, sizeof(m->invalid_why));
	restore_faults(&m->faults[SIDE_BASELINE],
		       get(get(takes, "invalid"), "baseline"));
	restore_faults(&m->faults[SIDE_TARGET],
		       get(get(takes, "invalid"), "target"));
	for (int i = 0; i < PARAM_COUNT; i++) {
		const cJSON *v = get(values, param_name((enum param)i));

		if (cJSON_IsNumber(v))
			m->values[i] = v->valuedouble;
	}
	restore_check(&m->check, get(takes, "check"));
	for (int i = 0; i < METRICS; i++)
		m->ratios[i] = figure(ratios, metric_name((enum metric)i));
	m->memory = figure(takes, "memory");
	restore_points(m, get(takes, "memory_points"));
	text(takes, "outcome", m->outcome, sizeof(m->outcome));
	text(takes, "verdict", name, sizeof(name));
	m->verdict = verdict(name);
}

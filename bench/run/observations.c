/* SPDX-License-Identifier: MIT */
#include "bench/run/observations.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/put.h"
#include "servers/base/check.h"

static const char *const unit_names[] = {
	[UNIT_COUNT] = "count", [UNIT_NS] = "ns",
	[UNIT_BYTES] = "bytes", [UNIT_PER_SECOND] = "1/s",
	[UNIT_SHARE] = "share", [UNIT_RATIO] = "ratio",
	[UNIT_MBIT] = "Mbit/s",
};

void observations_release(struct observations *o)
{
	for (size_t i = 0; i < o->count; i++) {
		free(o->items[i].name);
		free(o->items[i].values);
	}
	free(o->items);
	*o = (struct observations){0};
}

static struct observation *find(const struct observations *o, const char *name)
{
	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(o->items[i].name, name) == 0)
			return &o->items[i];
	}
	return NULL;
}

void observe(struct observations *o, const char *name, enum unit u,
	     double value)
{
	struct observation *item = find(o, name);

	if (!item) {
		o->items =
			xrealloc(o->items, (o->count + 1) * sizeof(*o->items));
		item = &o->items[o->count++];
		*item = (struct observation){.name = xstrdup(name), .unit = u};
	}
	CHECK(item->unit == u);
	if (isnan(value))
		return;
	item->values = xrealloc(item->values,
				(item->count + 1) * sizeof(*item->values));
	item->values[item->count++] = value;
}

const struct observation *observations_find(const struct observations *o,
					    const char *name)
{
	return find(o, name);
}

struct figure observation_figure(const struct observation *o)
{
	return stats_student_interval(o->values, o->count);
}

struct cJSON *observations_to_json(const struct observations *o)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	for (size_t i = 0; i < o->count; i++) {
		const struct observation *item = &o->items[i];
		struct figure f = observation_figure(item);
		cJSON *json = cJSON_CreateObject();

		CHECK(cJSON_AddItemToArray(list, json));
		put_text(json, "name", item->name);
		put_text(json, "unit", unit_names[item->unit]);
		if (f.count == 0)
			continue;
		put_number(json, "value", f.value);
		put_number(json, "low", f.low);
		put_number(json, "high", f.high);
		put_number(json, "count", (double)f.count);
	}
	return list;
}

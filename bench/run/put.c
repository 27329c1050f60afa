/* SPDX-License-Identifier: MIT */
#include "bench/run/put.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "bench/run/stats.h"
#include "servers/base/check.h"

void put_item(struct cJSON *object, const char *key, struct cJSON *takes)
{
	CHECK(cJSON_AddItemToObject(object, key, takes));
}

/* JSON has no infinity; what has no value is null. */
void put_number(struct cJSON *object, const char *key, double value)
{
	put_item(object, key,
		 isfinite(value) ? cJSON_CreateNumber(value)
				 : cJSON_CreateNull());
}

void put_text(struct cJSON *object, const char *key, const char *value)
{
	put_item(object, key, cJSON_CreateString(value));
}

void put_bool(struct cJSON *object, const char *key, bool value)
{
	put_item(object, key, cJSON_CreateBool(value));
}

void put_null(struct cJSON *object, const char *key)
{
	put_item(object, key, cJSON_CreateNull());
}

struct cJSON *put_object(struct cJSON *object, const char *key)
{
	cJSON *child = cJSON_CreateObject();

	put_item(object, key, child);
	return child;
}

struct cJSON *put_array(struct cJSON *object, const char *key)
{
	cJSON *child = cJSON_CreateArray();

	put_item(object, key, child);
	return child;
}

void put_figure(struct cJSON *object, const char *key, const struct figure *f)
{
	cJSON *child;

	if (f->count == 0) {
		put_null(object, key);
		return;
	}
	child = put_object(object, key);
	put_number(child, "value", f->value);
	put_number(child, "low", f->low);
	put_number(child, "high", f->high);
	put_number(child, "count", (double)f->count);
}

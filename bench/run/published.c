/* SPDX-License-Identifier: MIT */
#include "bench/run/published.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "bench/run/put.h"
#include "servers/base/check.h"

#define PUBLISHED_PATH 128

static bool named(const cJSON *object, const char *key, const char *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) && strcmp(item->valuestring, value) == 0;
}

/* A member of an object, or the element of an array that has that name. */
static const cJSON *step(const cJSON *from, const char *key)
{
	if (!cJSON_IsArray(from))
		return cJSON_GetObjectItemCaseSensitive(from, key);
	for (const cJSON *c = from->child; c; c = c->next) {
		if (named(c, "name", key))
			return c;
	}
	return NULL;
}

/* `path` is keys separated by '.'. */
static const cJSON *follow(const cJSON *from, const char *path)
{
	while (from && *path) {
		char key[64];
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		path += n + (path[n] == '.');
		from = step(from, key);
	}
	return from;
}

static const cJSON *measurement_of(const cJSON *measurements,
				   const struct scenario *s,
				   const struct published *p,
				   const char *target)
{
	for (const cJSON *m = measurements->child; m; m = m->next) {
		if (named(m, "scenario", s->name) &&
		    named(m, "variant", p->variant) &&
		    named(m, "target", target))
			return m;
	}
	return NULL;
}

/* The sum of `figure`'s paths, or NAN when one of them leads nowhere. */
static double sum_of(const cJSON *measurement, const char *figure)
{
	double sum = *figure ? 0 : NAN;

	while (*figure) {
		char path[PUBLISHED_PATH];
		size_t n = strcspn(figure, "+");
		const cJSON *item;

		if (n >= sizeof(path))
			return NAN;
		memcpy(path, figure, n);
		path[n] = '\0';
		item = follow(measurement, path);
		if (!cJSON_IsNumber(item))
			return NAN;
		sum += item->valuedouble;
		figure += n + (figure[n] == '+');
	}
	return sum;
}

/* In the published unit; with `per`, of another target's. */
static double measured(const cJSON *measurements, const struct scenario *s,
		       const struct published *p, const cJSON *measurement)
{
	double ours = sum_of(measurement, p->figure) * p->scale;

	if (!p->per)
		return ours;
	ours /= sum_of(measurement_of(measurements, s, p, p->per), p->figure);
	return isfinite(ours) ? ours : NAN;
}

static void add(cJSON *list, const cJSON *measurements,
		const struct scenario *s, const struct published *p,
		const cJSON *measurement)
{
	double ours = measured(measurements, s, p, measurement);
	const cJSON *outcome = step(measurement, "outcome");
	cJSON *json = cJSON_CreateObject();

	CHECK(cJSON_AddItemToArray(list, json));
	put_text(json, "scenario", s->name);
	put_text(json, "variant", p->variant);
	put_text(json, "target", p->target);
	put_text(json, "what", p->what);
	put_number(json, "published", p->value);
	if (!isnan(ours)) {
		put_number(json, "measured", ours);
		if (p->value != 0)
			put_number(json, "ratio", ours / p->value);
	}
	if (cJSON_IsString(outcome) && outcome->valuestring[0])
		put_text(json, "outcome", outcome->valuestring);
	put_text(json, "source", p->source);
	put_text(json, "why", p->why);
}

struct cJSON *published_to_json(const struct scenario *scenarios, size_t count,
				const struct cJSON *measurements)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	for (size_t i = 0; i < count; i++) {
		const struct scenario *s = &scenarios[i];

		for (size_t k = 0; k < s->published_count; k++) {
			const cJSON *m = measurement_of(measurements, s,
							&s->published[k],
							s->published[k].target);

			if (m)
				add(list, measurements, s, &s->published[k], m);
		}
	}
	return list;
}
